/*
 * Stands for the driver of NVIDIA in tests: modules are libraries that fake/nvcc.mjs made, memory is the processor's, and what is asked
 * of a stream is done no sooner than somebody waits. Stricter than the driver: copies take only pinned memory, and what a kernel
 * writes behind an allocation ends the program.
 *
 * AMPC_FAKE_CUDA says how it is to be, word by word: `none` (no device), `memory=BYTES`, `devices=9.0,8.6`, `version=12040`, and
 * `fail=NAME:N:CODE` (the Nth call of a function from the context's beginning gives that result; what loses a device stays).
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

typedef uint64_t Handle;
typedef std::vector<std::function<void()>> Work;
enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_IMAGE = 200, INVALID_CONTEXT = 201 };
enum { NOT_FOUND = 500, NOT_READY = 600, LAUNCH_FAILED = 719, CAPTURED = 900 };

struct Function { void (*run)(unsigned, unsigned, void **); const int *about; };
struct Stream { Work work, captured; bool capturing; };
struct Event { uint64_t at; bool told; };

static std::map<Handle, size_t> memory, pinned;
static std::map<std::string, int> counts;
static std::string last_config;
static size_t used;
static int users, lost;
static bool ready, current;
/* One stream is all that there is; an event is passed when so much of its work is done. */
static Stream stream;
static uint64_t asked, done;

static std::string config() { const char *text = getenv("AMPC_FAKE_CUDA"); return text ? text : ""; }
static std::string word(const char *name) {
  const std::string all = " " + config() + " ", key = std::string(" ") + name;
  const size_t at = all.find(key);
  if (at == std::string::npos) return "";
  const size_t from = at + key.size();
  return all.substr(from, all.find(' ', from) - from);
}
static size_t total() {
  const std::string bytes = word("memory=");
  return bytes.empty() ? size_t(2) << 30 : strtoull(bytes.c_str(), nullptr, 10);
}
static std::vector<std::string> devices() {
  std::vector<std::string> found;
  std::string list = word("devices=");
  if (list.empty()) list = "9.0";
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    found.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

/* What a call is to give before it does anything. */
static int refused(const char *name, bool needs_context) {
  if (config() != last_config) counts.clear();
  last_config = config();
  counts[name] += 1;
  const std::string fail = word("fail=");
  char which[64];
  int nth, code;
  if (sscanf(fail.c_str(), "%63[^:]:%d:%d", which, &nth, &code) == 3 && counts[name] == nth && !strcmp(which, name)) {
    /* What a lost device was still to do is never done. */
    if (code >= 700 || code == 214) lost = code, stream.work.clear(), done = asked;
    return code;
  }
  if (lost) return lost;
  if (!ready && needs_context) return NOT_INITIALIZED;
  return needs_context && !current ? INVALID_CONTEXT : OK;
}

static bool inside(const std::map<Handle, size_t> &all, Handle p, size_t n) {
  auto i = all.upper_bound(p);
  if (i == all.begin()) return false;
  --i;
  return p + n <= i->first + i->second;
}
static const unsigned char GUARD = 0xa5;
static void check_guard(Handle p, size_t n) {
  for (size_t i = 0; i < 64; i += 1)
    if (((unsigned char *)p)[n + i] != GUARD) { fprintf(stderr, "fake: something wrote behind an allocation of %zu bytes\n", n); abort(); }
}
static void perform() {
  Work work;
  work.swap(stream.work);
  for (auto &one : work) { one(); done += 1; }
  for (auto &one : memory) check_guard(one.first, one.second);
}
static int add(std::function<void()> one) {
  if (stream.capturing) { stream.captured.push_back(one); return OK; }
  stream.work.push_back(one);
  asked += 1;
  return OK;
}

#define API extern "C" int
#define NEEDS_NOTHING(name) if (int code = refused(#name, false)) return code;
#define NEEDS(name) if (int code = refused(#name, true)) return code;

/* For tests: how often a function was called since the configuration changed. */
extern "C" int fake_count(const char *name) { return counts[name]; }
extern "C" int fake_used() { return int(used); }

API cuInit(unsigned) {
  if (!word("none").empty() || config() == "none") return NO_DEVICE;
  NEEDS_NOTHING(cuInit)
  ready = true;
  return OK;
}
API cuDriverGetVersion(int *v) {
  const std::string version = word("version=");
  *v = version.empty() ? 13000 : atoi(version.c_str());
  return OK;
}
API cuGetErrorName(int code, const char **name) {
  static char text[32];
  snprintf(text, sizeof text, "CUDA_ERROR_%d", code);
  *name = text;
  return OK;
}
API cuGetErrorString(int code, const char **text) {
  const char *ptx = "the provided PTX was compiled with an unsupported toolchain.";
  *text = code == OUT_OF_MEMORY ? "out of memory" : code == 222 ? ptx : "the fake driver was told to fail";
  return OK;
}
API cuDeviceGetCount(int *n) { NEEDS_NOTHING(cuDeviceGetCount) *n = int(devices().size()); return OK; }
API cuDeviceGet(int *d, int i) { NEEDS_NOTHING(cuDeviceGet) *d = 40 + i; return OK; }
API cuDeviceGetName(char *name, int n, int d) { NEEDS_NOTHING(cuDeviceGetName) snprintf(name, n, "Fake %d", d - 40); return OK; }
API cuDeviceTotalMem_v2(size_t *n, int) { NEEDS_NOTHING(cuDeviceTotalMem_v2) *n = total(); return OK; }
API cuDeviceGetAttribute(int *v, int a, int d) {
  NEEDS_NOTHING(cuDeviceGetAttribute)
  const std::string capability = devices()[d - 40];
  *v = a == 75 ? atoi(capability.c_str()) : a == 76 ? atoi(capability.c_str() + capability.find('.') + 1) : -1;
  return OK;
}
API cuDevicePrimaryCtxRetain(Handle *c, int) {
  NEEDS_NOTHING(cuDevicePrimaryCtxRetain)
  users += 1;
  *c = 1;
  return OK;
}
API cuDevicePrimaryCtxRelease_v2(int) {
  if (--users == 0) lost = 0;
  return OK;
}
API cuCtxSetCurrent(Handle c) { NEEDS_NOTHING(cuCtxSetCurrent) current = c == 1; return OK; }
API cuMemGetInfo_v2(size_t *f, size_t *t) { NEEDS(cuMemGetInfo_v2) *t = total(); *f = total() - used; return OK; }
API cuMemAlloc_v2(Handle *p, size_t n) {
  NEEDS(cuMemAlloc_v2)
  if (n == 0) return INVALID_VALUE;
  if (used + n > total()) return OUT_OF_MEMORY;
  void *m = aligned_alloc(256, (n + 64 + 255) / 256 * 256);
  memset(m, 0xff, n);
  memset((char *)m + n, GUARD, 64);
  *p = Handle(m);
  memory[*p] = n;
  used += n;
  return OK;
}
API cuMemFree_v2(Handle p) {
  auto i = memory.find(p);
  if (i == memory.end()) return INVALID_VALUE;
  if (!lost) perform();
  check_guard(p, i->second);
  used -= i->second;
  memory.erase(i);
  free((void *)p);
  return lost;
}
API cuMemHostAlloc(Handle *p, size_t n, unsigned) {
  NEEDS(cuMemHostAlloc)
  *p = Handle(aligned_alloc(4096, (n + 4095) / 4096 * 4096));
  pinned[*p] = n;
  return OK;
}
API cuMemFreeHost(Handle p) {
  if (!pinned.erase(p)) return INVALID_VALUE;
  free((void *)p);
  return OK;
}
API cuMemcpyHtoDAsync_v2(Handle to, Handle from, size_t n, Handle) {
  NEEDS(cuMemcpyHtoDAsync_v2)
  if (!inside(memory, to, n) || !inside(pinned, from, n)) return INVALID_VALUE;
  return add([=] { memcpy((void *)to, (void *)from, n); });
}
API cuMemcpyDtoHAsync_v2(Handle to, Handle from, size_t n, Handle) {
  NEEDS(cuMemcpyDtoHAsync_v2)
  if (!inside(memory, from, n) || !inside(pinned, to, n)) return INVALID_VALUE;
  return add([=] { memcpy((void *)to, (void *)from, n); });
}
API cuMemsetD8Async(Handle p, unsigned char v, size_t n, Handle) {
  NEEDS(cuMemsetD8Async)
  if (!inside(memory, p, n)) return INVALID_VALUE;
  return add([=] { memset((void *)p, v, n); });
}
API cuStreamCreate(Handle *s, unsigned) { NEEDS(cuStreamCreate) *s = 7; return OK; }
API cuStreamDestroy_v2(Handle) { return lost; }
API cuStreamBeginCapture_v2(Handle, int) {
  NEEDS(cuStreamBeginCapture_v2)
  stream.capturing = true;
  stream.captured.clear();
  return OK;
}
API cuStreamEndCapture(Handle, Handle *graph) {
  stream.capturing = false;
  NEEDS(cuStreamEndCapture)
  *graph = Handle(new Work(stream.captured));
  return OK;
}
API cuGraphInstantiateWithFlags(Handle *run, Handle graph, unsigned long long) {
  NEEDS(cuGraphInstantiateWithFlags)
  *run = Handle(new Work(*(Work *)graph));
  return OK;
}
API cuGraphLaunch(Handle run, Handle) {
  NEEDS(cuGraphLaunch)
  for (auto &one : *(Work *)run) add(one);
  return OK;
}
API cuGraphDestroy(Handle graph) { delete (Work *)graph; return lost; }
API cuGraphExecDestroy(Handle run) { delete (Work *)run; return lost; }
API cuEventCreate(Handle *e, unsigned) { NEEDS(cuEventCreate) *e = Handle(new Event()); return OK; }
API cuEventDestroy_v2(Handle e) { delete (Event *)e; return lost; }
API cuEventRecord(Handle e, Handle) {
  NEEDS(cuEventRecord)
  if (stream.capturing) return CAPTURED;
  *(Event *)e = {asked, false};
  return OK;
}
/* Says first that the event is not passed, and that it is once the work has been done. */
API cuEventQuery(Handle e) {
  NEEDS(cuEventQuery)
  if (((Event *)e)->at <= done) return OK;
  perform();
  return NOT_READY;
}
API cuEventElapsedTime(float *ms, Handle from, Handle to) {
  NEEDS(cuEventElapsedTime)
  *ms = 0.25f * float(((Event *)to)->at - ((Event *)from)->at);
  return OK;
}
API cuModuleLoadDataEx(Handle *m, const void *image, unsigned, void *, void *) {
  NEEDS(cuModuleLoadDataEx)
  /* The image has no length: an ELF file says how long it is by its table of sections, which is last. */
  const unsigned char *elf = (const unsigned char *)image;
  if (memcmp(elf, "\177ELF", 4)) return INVALID_IMAGE;
  uint64_t sections;
  uint16_t size, count;
  memcpy(&sections, elf + 40, 8), memcpy(&size, elf + 58, 2), memcpy(&count, elf + 60, 2);
  const size_t n = sections + size_t(size) * count;
  /* It stays open: the loader takes libraries of one name for the same. */
  const int file = memfd_create("module", 0);
  if (write(file, elf, n) != ssize_t(n)) return INVALID_IMAGE;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) fprintf(stderr, "fake: %s\n", dlerror());
  *m = Handle(library);
  return library ? OK : INVALID_IMAGE;
}
API cuModuleUnload(Handle m) { return dlclose((void *)m) || lost; }
API cuModuleGetFunction(Handle *f, Handle m, const char *name) {
  NEEDS(cuModuleGetFunction)
  void *run = dlsym((void *)m, (std::string(name) + "__run").c_str()), *about = dlsym((void *)m, (std::string(name) + "__about").c_str());
  if (!run || !about) return NOT_FOUND;
  *f = Handle(new Function{(void (*)(unsigned, unsigned, void **))run, (const int *)about});
  return OK;
}
API cuLaunchKernel(
  Handle f, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned shared, Handle, void **given, void **
) {
  NEEDS(cuLaunchKernel)
  const Function *function = (Function *)f;
  if (!x || !y || z != 1 || y > 65535 || by != 1 || bz != 1 || shared || int(bx) != function->about[0]) return INVALID_VALUE;
  /* Parameters are read now, as the driver does it. */
  std::vector<std::vector<char>> values;
  for (int i = 0; function->about[i + 1]; i += 1) values.emplace_back((char *)given[i], (char *)given[i] + function->about[i + 1]);
  return add([=]() mutable {
    std::vector<void *> p;
    for (auto &value : values) p.push_back(value.data());
    function->run(x, y, p.data());
  });
}

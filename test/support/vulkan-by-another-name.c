/*
 * Mesa's Vulkan driver for processors under the name of SwiftShader: Chromium takes no other one in software, and SwiftShader has no
 * arithmetic in 16 bits. DRIVER is the library of the driver. Vulkan's types are left out: what is handed on keeps its form.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

typedef void (*Function)(void);
typedef Function (*Getter)(void *instance, const char *name);

static void *in_driver(const char *name) {
  static void *library;
  if (!library) library = dlopen(DRIVER, RTLD_NOW | RTLD_LOCAL);
  return library ? dlsym(library, name) : 0;
}

static void (*properties)(void *device, uint32_t *found);
static void (*properties2)(void *device, uint32_t *found);

/* Vendor and device are behind two versions. */
static void rename_device(uint32_t *found) {
  found[2] = 0x1AE0;
  found[3] = 0xC0DE;
}

static void renamed(void *device, uint32_t *found) {
  properties(device, found);
  rename_device(found);
}

/* A type and a pointer come first. */
static void renamed2(void *device, uint32_t *found) {
  properties2(device, found);
  rename_device(found + 4);
}

Function vkGetInstanceProcAddr(void *instance, const char *name) {
  Getter get = (Getter)in_driver("vk_icdGetInstanceProcAddr");
  if (!get) return 0;
  if (!strcmp(name, "vkGetInstanceProcAddr")) return (Function)vkGetInstanceProcAddr;
  Function found = get(instance, name);
  if (!found) return 0;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties")) {
    properties = (void (*)(void *, uint32_t *))found;
    return (Function)renamed;
  }
  if (!strcmp(name, "vkGetPhysicalDeviceProperties2") || !strcmp(name, "vkGetPhysicalDeviceProperties2KHR")) {
    properties2 = (void (*)(void *, uint32_t *))found;
    return (Function)renamed2;
  }
  return found;
}

/**
 * What ranks exchange: a kernel starts a bucket, which travels while others run, and the first kernel that reads of it waits. The formats
 * on the wire are the same text for generated code and for what carries it.
 */
export const WIRE = String.raw`
/* One value of a bucket: count numbers, int32_t where is_count, of which the sums over all ranks go to another place. */
typedef struct {
  const void *from;
  float *to;
  int64_t count;
  int64_t is_count;
} exchange_part;

/* Not every file that has it uses all of it. */
#define WIRE_CODE static inline __attribute__((unused))

/* Formats on the wire. */
enum { WIRE_F32, WIRE_BF16, WIRE_F16 };

WIRE_CODE float bits_to_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

WIRE_CODE uint32_t float_to_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

WIRE_CODE uint16_t to_wire_bf16(float x) {
  const uint32_t u = float_to_bits(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40);
  return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

WIRE_CODE float from_wire_bf16(uint16_t h) { return bits_to_float((uint32_t)h << 16); }

WIRE_CODE uint16_t to_wire_f16(float x) {
  const uint32_t u = float_to_bits(x), sign = u >> 16 & 0x8000, size = u & 0x7fffffffu;
  if (size > 0x7f800000u) return (uint16_t)(sign | 0x7e00);
  /* From 65520 on. */
  if (size >= 0x477ff000u) return (uint16_t)(sign | 0x7c00);
  /* Below 2^-14: beside 0.5 the last place of an f32 is that of a subnormal. */
  if (size < 0x38800000u) return (uint16_t)(sign | (float_to_bits(bits_to_float(size) + 0.5f) - 0x3f000000u));
  return (uint16_t)(sign | (size - 0x38000000u + 0xfff + (size >> 13 & 1)) >> 13);
}

WIRE_CODE float from_wire_f16(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent == 31) return bits_to_float(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) return bits_to_float(sign | float_to_bits((float)fraction * 0x1p-24f));
  return bits_to_float(sign | (exponent + 112) << 23 | fraction << 13);
}

WIRE_CODE int64_t wire_size(int32_t wire) { return wire == WIRE_F32 ? 4 : 2; }

/* Brings values into the format on the wire, one behind the other. */
WIRE_CODE void pack_wire(const exchange_part *part, int32_t wire, void *to) {
  for (int64_t i = 0; i < part->count; i++) {
    const float x = part->is_count ? (float)((const int32_t *)part->from)[i] : ((const float *)part->from)[i];
    if (wire == WIRE_F32) ((float *)to)[i] = x;
    else ((uint16_t *)to)[i] = wire == WIRE_BF16 ? to_wire_bf16(x) : to_wire_f16(x);
  }
}

WIRE_CODE float read_wire(const void *from, int32_t wire, int64_t i) {
  if (wire == WIRE_F32) return ((const float *)from)[i];
  const uint16_t h = ((const uint16_t *)from)[i];
  return wire == WIRE_BF16 ? from_wire_bf16(h) : from_wire_f16(h);
}

/* The functions of what carries it: start takes a copy, finish waits until so many of those started are left at most. */
typedef struct {
  void (*start)(const exchange_part *parts, int32_t count, int32_t wire);
  void (*finish)(int64_t left);
} exchange_functions;
`;

/** How a context exchanges; without others a sum is what this one has. */
export const EXCHANGE = String.raw`
LOCAL void exchange_alone(const exchange_part *part, int32_t wire) {
  uint32_t unit;
  for (int64_t i = 0; i < part->count; i++) {
    const exchange_part one = {(const char *)part->from + 4 * i, NULL, 1, part->is_count};
    pack_wire(&one, wire, &unit);
    part->to[i] = 0.0f + read_wire(&unit, wire, 0);
  }
}

LOCAL void exchange_start(ampc_context *ctx, const exchange_part *parts, int32_t count, int32_t wire) {
  if (ctx->peers != NULL) {
    ctx->peers->start(parts, count, wire);
    ctx->begun++;
  } else
    for (int32_t i = 0; i < count; i++) exchange_alone(parts + i, wire);
}

/* Waits for the first so many buckets of the call. */
LOCAL void exchange_finish(ampc_context *ctx, int64_t buckets) {
  if (ctx->peers != NULL && ctx->begun > 0) ctx->peers->finish(ctx->begun > buckets ? ctx->begun - buckets : 0);
}
`;

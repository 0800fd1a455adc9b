/** Blocks of memory: states, arena, scratch and the context itself. */
export const MEMORY = String.raw`
/* Zeroed, aligned to 64 bytes; large blocks to 2 MiB, with large pages where the system has them and they fit whole. */
LOCAL void *allocate_block(size_t bytes) {
  size_t alignment = bytes >= ((size_t)1 << 21) ? (size_t)1 << 21 : 64;
  size_t size = ((bytes > 0 ? bytes : 1) + 63) / 64 * 64;
#ifdef _WIN32
  void *block = _aligned_malloc(size, alignment);
#else
  void *block = NULL;
  if (posix_memalign(&block, alignment, size) != 0) block = NULL;
#endif
  if (block == NULL) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (alignment > 64) madvise(block, size, MADV_HUGEPAGE);
#endif
  memset(block, 0, size);
  return block;
}

LOCAL void free_block(void *block) {
#ifdef _WIN32
  _aligned_free(block);
#else
  free(block);
#endif
}
`;

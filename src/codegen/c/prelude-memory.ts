/** Blocks of memory: states, arena, scratch and the context itself. */
export const MEMORY = String.raw`
/*
 * Zeroed, aligned to 64 bytes. Large blocks are aligned to 2 MiB, with large pages where the system has them and they fit whole; the system
 * gives them zeroed, page by page as they are touched, by the thread that does. Of these the address to free lies before the block.
 */
#define LARGE_BLOCK ((size_t)1 << 21)

LOCAL void *allocate_block(size_t bytes) {
  const size_t size = ((bytes > 0 ? bytes : 1) + 63) / 64 * 64;
#ifdef _WIN32
  void *block = _aligned_malloc(size, size >= LARGE_BLOCK ? LARGE_BLOCK : 64);
  if (block != NULL) memset(block, 0, size);
  return block;
#else
  if (size < LARGE_BLOCK) {
    void *block = NULL;
    if (posix_memalign(&block, 64, size) != 0) return NULL;
    return memset(block, 0, size);
  }
  char *whole = calloc(1, size + LARGE_BLOCK + sizeof(void *));
  if (whole == NULL) return NULL;
  char *block = (char *)(((uintptr_t)whole + sizeof(void *) + LARGE_BLOCK - 1) / LARGE_BLOCK * LARGE_BLOCK);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  madvise(block, size, MADV_HUGEPAGE);
#endif
  ((void **)block)[-1] = whole;
  return block;
#endif
}

/* Gives back a block of so many bytes, or none. */
LOCAL void free_block(void *block, size_t bytes) {
#ifdef _WIN32
  (void)bytes;
  _aligned_free(block);
#else
  if (block != NULL && (bytes + 63) / 64 * 64 >= LARGE_BLOCK) free(((void **)block)[-1]);
  else free(block);
#endif
}
`;

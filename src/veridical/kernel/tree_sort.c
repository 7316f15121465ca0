/* In which order do rows stand by their codes? Counted rather than compared: codes are few. */
#include "common.h"

#include <stdlib.h>

/* Writes `rows` by ascending code, rows of equal code as they stood; codes lie below `size`. Returns 0, or -2 without
 * memory. */
VERIDICAL_EXPORT int64_t veridical_tree_sort(const uint16_t *codes, const int32_t *rows, int64_t count, int64_t size,
                                             int32_t *sorted) {
    int64_t *next = calloc((size_t)size + 1, sizeof(int64_t));
    if (!next) return -2;
    for (int64_t i = 0; i < count; i++) next[codes[rows[i]] + 1]++;
    for (int64_t code = 0; code < size; code++) next[code + 1] += next[code];
    for (int64_t i = 0; i < count; i++) sorted[next[codes[rows[i]]]++] = rows[i];
    free(next);
    return 0;
}

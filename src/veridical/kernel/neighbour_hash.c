/* Which rows agree with a reference row in all columns, or in all but a few?

   A row's hash is the sum of one 64-bit hash per cell, so leaving columns out is a subtraction. Two unequal rows
   collide with probability 2^-64 each. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

static inline uint64_t mixed(uint64_t value) {
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9ULL;
    value ^= value >> 27;
    value *= 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

static inline uint64_t cell(int32_t code, int64_t column) {
    return mixed(((uint64_t)(uint32_t)code + 1) * 0x9e3779b97f4a7c15ULL + mixed((uint64_t)column + 0x5851f42d4c957f2dULL));
}

/* codes: width x count, one column after the other. hashes: count. */
VERIDICAL_EXPORT int64_t veridical_neighbour_row_hash(const int32_t *codes, int64_t width, int64_t count,
                                                      uint64_t *hashes) {
    memset(hashes, 0, (size_t)count * sizeof *hashes);
    for (int64_t j = 0; j < width; j++)
        for (int64_t i = 0; i < count; i++) hashes[i] += cell(codes[j * count + i], j);
    return 0;
}

static uint64_t without(const uint64_t *hashes, const int32_t *codes, int64_t count, int64_t row, const int64_t *left_out,
                        int64_t left_out_count) {
    uint64_t hash = hashes[row];
    for (int64_t c = 0; c < left_out_count; c++) hash -= cell(codes[left_out[c] * count + row], left_out[c]);
    return hash ? hash : 1; /* 0 marks an empty slot */
}

/* The first `reference` rows are looked up in. matches[i] becomes how many of them agree with row i in every column
   but those left out (a reference row counts itself). Returns -1 when memory is short. */
VERIDICAL_EXPORT int64_t veridical_neighbour_agreement(const int32_t *codes, const uint64_t *hashes, int64_t count,
                                                       int64_t reference, const int64_t *left_out,
                                                       int64_t left_out_count, int32_t *matches) {
    uint64_t size = 16;
    while (size < (uint64_t)reference * 2) size *= 2;
    uint64_t *keys = calloc(size, sizeof *keys);
    int32_t *held = calloc(size, sizeof *held);
    if (!keys || !held) {
        free(keys);
        free(held);
        return -1;
    }
    for (int64_t i = 0; i < reference; i++) {
        uint64_t key = without(hashes, codes, count, i, left_out, left_out_count), slot = mixed(key) & (size - 1);
        while (keys[slot] && keys[slot] != key) slot = (slot + 1) & (size - 1);
        keys[slot] = key;
        held[slot]++;
    }
    for (int64_t i = 0; i < count; i++) {
        uint64_t key = without(hashes, codes, count, i, left_out, left_out_count), slot = mixed(key) & (size - 1);
        while (keys[slot] && keys[slot] != key) slot = (slot + 1) & (size - 1);
        matches[i] = held[slot];
    }
    free(keys);
    free(held);
    return 0;
}

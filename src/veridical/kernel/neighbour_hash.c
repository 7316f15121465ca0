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

static inline uint64_t salt(int64_t column) { return mixed((uint64_t)column + 0x5851f42d4c957f2dULL); }

static inline uint64_t cell(int32_t code, uint64_t salt_of_column) {
    return mixed(((uint64_t)(uint32_t)code + 1) * 0x9e3779b97f4a7c15ULL + salt_of_column);
}

/* codes: width x count, one column after the other. hashes: count. */
VERIDICAL_EXPORT int64_t veridical_neighbour_row_hash(const int32_t *codes, int64_t width, int64_t count,
                                                      uint64_t *hashes) {
    memset(hashes, 0, (size_t)count * sizeof *hashes);
    for (int64_t j = 0; j < width; j++) {
        uint64_t by = salt(j);
        for (int64_t i = 0; i < count; i++) hashes[i] += cell(codes[j * count + i], by);
    }
    return 0;
}

typedef struct {
    uint64_t key; /* 0 marks an empty slot */
    int64_t count;
} Slot;

typedef struct {
    const int32_t *codes;
    const uint64_t *hashes;
    int64_t count;
    const int64_t *left_out;
    int64_t left_out_count;
} Rows;

#define AHEAD 32 /* slots are fetched this many rows early: the table is larger than the cache */

static void keys_of(const Rows *rows, int64_t first, int64_t last, uint64_t *keys) {
    for (int64_t i = first; i < last; i++) keys[i - first] = rows->hashes[i];
    for (int64_t c = 0; c < rows->left_out_count; c++) {
        const int32_t *column = rows->codes + rows->left_out[c] * rows->count;
        uint64_t by = salt(rows->left_out[c]);
        for (int64_t i = first; i < last; i++) keys[i - first] -= cell(column[i], by);
    }
    for (int64_t i = first; i < last; i++) keys[i - first] += keys[i - first] == 0;
}

static inline Slot *slot_of(Slot *slots, uint64_t mask, uint64_t key) {
    /* A sum of mixed cells is itself well mixed: its upper bits choose the slot. */
    uint64_t at = (key >> 20) & mask;
    while (slots[at].key && slots[at].key != key) at = (at + 1) & mask;
    return slots + at;
}

/* The first `reference` rows are looked up in. matches[i] becomes how many of them agree with row i in every column
   but those left out (a reference row counts itself). When more than `most_doubled` reference rows agree with an
   earlier one, the search is given up: returns 1. Returns -1 when memory is short, else 0. */
VERIDICAL_EXPORT int64_t veridical_neighbour_agreement(const int32_t *codes, const uint64_t *hashes, int64_t count,
                                                       int64_t reference, const int64_t *left_out,
                                                       int64_t left_out_count, int64_t most_doubled, int32_t *matches) {
    Rows rows = {codes, hashes, count, left_out, left_out_count};
    uint64_t size = 16, keys[AHEAD];
    while (size < (uint64_t)reference * 2) size *= 2;
    Slot *slots = calloc(size, sizeof *slots);
    if (!slots) return -1;
    int64_t doubled = 0;
    for (int64_t first = 0; first < reference && doubled <= most_doubled; first += AHEAD) {
        int64_t last = first + AHEAD < reference ? first + AHEAD : reference;
        keys_of(&rows, first, last, keys);
        for (int64_t i = 0; i < last - first; i++) __builtin_prefetch(slots + ((keys[i] >> 20) & (size - 1)), 1);
        for (int64_t i = 0; i < last - first; i++) {
            Slot *slot = slot_of(slots, size - 1, keys[i]);
            doubled += slot->key != 0;
            slot->key = keys[i];
            slot->count++;
        }
    }
    for (int64_t first = 0; first < count && doubled <= most_doubled; first += AHEAD) {
        int64_t last = first + AHEAD < count ? first + AHEAD : count;
        keys_of(&rows, first, last, keys);
        for (int64_t i = 0; i < last - first; i++) __builtin_prefetch(slots + ((keys[i] >> 20) & (size - 1)), 0);
        for (int64_t i = 0; i < last - first; i++) matches[first + i] = (int32_t)slot_of(slots, size - 1, keys[i])->count;
    }
    free(slots);
    return doubled > most_doubled;
}

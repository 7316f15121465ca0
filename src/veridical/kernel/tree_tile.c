/* How likely is each value of the target in a node? A distribution over codes as tiles: ranges with a mass, inside
 * which the whole table's own shape holds. Masses are shrunk towards the parent's, and so on to the root (a
 * Pitman-Yor style back-off: Teh 2006), so a leaf of few rows says little more than its ancestors do. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum { TARGET_ORDERED, GRAIN, CAPACITY };

typedef struct {
    const double *root; /* cumulative share per code, codes + 1 of them */
    int64_t codes;
    const int64_t *settings;
    double strength, discount;
    int32_t *bounds;
    double *cumulative;
    int64_t used; /* entries of bounds and cumulative */
    int32_t *tally; /* per code */
} Tiler;

/* Share below `bound` in the distribution whose entries begin at `offset`. */
static double below(const Tiler *t, int64_t offset, int64_t tiles, int32_t bound) {
    const int32_t *bounds = t->bounds + offset;
    const double *cumulative = t->cumulative + offset;
    if (bound <= 0) return 0.0;
    if (bound >= t->codes) return cumulative[tiles];
    int64_t at = tree_tile_of(bounds, tiles, bound);
    double low = t->root[bounds[at]], high = t->root[bounds[at + 1]];
    double part = high > low ? (t->root[bound] - low) / (high - low) : 0.0;
    return cumulative[at] + (cumulative[at + 1] - cumulative[at]) * part;
}

typedef struct { int32_t first, last, count; int alone; } Group;

static int64_t group_codes(const Tiler *t, int32_t low, int32_t high, int64_t rows, Group *groups) {
    int64_t count = 0;
    int64_t grain = t->settings[GRAIN];
    (void)rows;
    int open = 0;
    for (int32_t code = low; code <= high; code++) {
        int32_t run = t->tally[code];
        if (!run) continue;
        int alone = !t->settings[TARGET_ORDERED] || code == 0 || run >= grain ||
                    t->root[code + 1] - t->root[code] >= 1.0 / 64;
        if (!alone && open && groups[count - 1].count < grain) {
            groups[count - 1].last = code;
            groups[count - 1].count += run;
            continue;
        }
        groups[count++] = (Group){code, code, run, alone};
        open = !alone;
    }
    return count;
}

static void put(Tiler *t, int32_t *counts, int64_t *tiles, int64_t offset, int32_t bound, int32_t count) {
    if (*tiles && t->bounds[offset + *tiles - 1] == bound) { counts[*tiles - 1] += count; return; }
    t->bounds[offset + *tiles] = bound;
    counts[(*tiles)++] = count;
}

/* Lays the tiles of one node at the end of the pool: returns how many, or -1 when the pool is full. */
static int64_t lay(Tiler *t, const Group *groups, int64_t count, int64_t rows, int64_t parent, int64_t parent_tiles,
                   int32_t *counts) {
    int64_t offset = t->used, tiles = 0;
    if (offset + 3 * count + 4 > t->settings[CAPACITY]) return -1;
    int32_t reached = 0;
    for (int64_t i = 0; i < count; i++) {
        Group group = groups[i];
        int32_t reach = 0;
        if (!group.alone && group.count) reach = (group.last - group.first + 1) / (2 * group.count) + 1;
        int32_t from = group.first - reach, to = group.last + 1 + reach;
        if (from < reached) from = reached;
        if (i + 1 < count) {
            Group next = groups[i + 1];
            int32_t limit = next.alone ? next.first : (group.last + 1 + next.first) / 2;
            if (limit < group.last + 1) limit = group.last + 1;
            if (to > limit) to = limit;
        }
        if (to > t->codes) to = (int32_t)t->codes;
        if (from > reached) put(t, counts, &tiles, offset, reached, 0);
        put(t, counts, &tiles, offset, from, group.count);
        reached = to;
    }
    if (reached < t->codes || !tiles) put(t, counts, &tiles, offset, reached, 0);
    t->bounds[offset + tiles] = (int32_t)t->codes;
    int64_t held = 0;
    for (int64_t i = 0; i < tiles; i++) held += counts[i] > 0;
    double back = t->strength + t->discount * (double)held, total = 0.0;
    double before = 0.0;
    t->cumulative[offset] = 0.0;
    for (int64_t i = 0; i < tiles; i++) {
        int32_t end = t->bounds[offset + i + 1];
        double upto = parent_tiles ? below(t, parent, parent_tiles, end) : t->root[end];
        double own = counts[i] > 0 ? counts[i] - t->discount : 0.0;
        total += own + back * (upto - before);
        before = upto;
        t->cumulative[offset + i + 1] = total;
    }
    (void)rows;
    for (int64_t i = 1; i <= tiles; i++) t->cumulative[offset + i] /= total;
    t->used += tiles + 1;
    return tiles;
}

/* Lays the tiles of every node, parents first. `offsets[i]` is where node i begins, `offsets[i] + tiles[i]` its last
 * bound. Returns the entries used, or -1 when they do not fit and -2 without memory. */
VERIDICAL_EXPORT int64_t veridical_tree_tile(const uint16_t *target, const int32_t *order, const int32_t *nodes,
                                             int64_t count, const double *root, int64_t codes, const int64_t *settings,
                                             double strength, double discount, int64_t *offsets, int64_t *tiles,
                                             int32_t *bounds, double *cumulative) {
    Tiler t = {.root = root, .codes = codes, .settings = settings, .strength = strength, .discount = discount,
               .bounds = bounds, .cumulative = cumulative};
    t.tally = calloc((size_t)codes + 1, sizeof(int32_t));
    Group *groups = malloc(((size_t)codes + 1) * sizeof(Group));
    int32_t *counts = malloc((3 * (size_t)codes + 4) * sizeof(int32_t));
    int64_t *parents = malloc((size_t)count * sizeof(int64_t));
    int64_t result = -2;
    if (t.tally && groups && counts && parents) {
        parents[0] = -1;
        result = 0;
        for (int64_t at = 0; at < count; at++) {
            const int32_t *node = nodes + at * NODE_WIDTH;
            if (node[NODE_LEFT] >= 0) parents[node[NODE_LEFT]] = parents[node[NODE_RIGHT]] = at;
            int32_t low = (int32_t)codes, high = -1;
            for (int64_t i = node[NODE_START]; i < node[NODE_END]; i++) {
                int32_t code = target[order[i]];
                t.tally[code]++;
                if (code < low) low = code;
                if (code > high) high = code;
            }
            int64_t rows = node[NODE_END] - node[NODE_START];
            int64_t found = group_codes(&t, low, high, rows, groups);
            for (int64_t i = node[NODE_START]; i < node[NODE_END]; i++) t.tally[target[order[i]]] = 0;
            int64_t parent = parents[at];
            offsets[at] = t.used;
            tiles[at] = lay(&t, groups, found, rows, parent < 0 ? 0 : offsets[parent], parent < 0 ? 0 : tiles[parent], counts);
            if (tiles[at] < 0) { result = -1; break; }
        }
        if (result == 0) result = t.used;
    }
    free(t.tally); free(groups); free(counts); free(parents);
    return result;
}

/* How likely is each value of the target in a node? A distribution over codes as tiles: ranges with a mass, inside
 * which the whole table's own shape holds. Masses are shrunk towards the parent's, and so on to the root (a
 * Pitman-Yor style back-off: Teh 2006), so a leaf of few rows says little more than its ancestors do. Only leaves are
 * given back: of the inner nodes, those on the way to the one being laid are held. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum { TARGET_ORDERED, GRAIN, CAPACITY };

/* Tiles one after the other: `tiles + 1` bounds, and the share below each of them. */
typedef struct { int32_t *bounds; double *cumulative; } Tiles;

typedef struct {
    const double *root; /* cumulative share per code, codes + 1 of them */
    int64_t codes;
    const int64_t *settings;
    double strength, discount;
    int32_t *tally; /* per code */
} Tiler;

/* Share below `bound` in a distribution. */
static double below(const Tiler *t, Tiles of, int64_t tiles, int32_t bound) {
    const int32_t *bounds = of.bounds;
    const double *cumulative = of.cumulative;
    if (bound <= 0) return 0.0;
    if (bound >= t->codes) return cumulative[tiles];
    int64_t at = tree_tile_of(bounds, tiles, bound);
    double low = t->root[bounds[at]], high = t->root[bounds[at + 1]];
    double part = high > low ? (t->root[bound] - low) / (high - low) : 0.0;
    return cumulative[at] + (cumulative[at + 1] - cumulative[at]) * part;
}

typedef struct { int32_t first, last, count; int alone; } Group;

static int64_t group_codes(const Tiler *t, int32_t low, int32_t high, Group *groups) {
    int64_t count = 0;
    int64_t grain = t->settings[GRAIN];
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

static void put(Tiles to, int32_t *counts, int64_t *tiles, int32_t bound, int32_t count) {
    if (*tiles && to.bounds[*tiles - 1] == bound) { counts[*tiles - 1] += count; return; }
    to.bounds[*tiles] = bound;
    counts[(*tiles)++] = count;
}

/* Lays the tiles of one node, at most 3 * count + 3 of them, and returns how many. */
static int64_t lay(const Tiler *t, const Group *groups, int64_t count, Tiles parent, int64_t parent_tiles, Tiles own,
                   int32_t *counts) {
    int64_t tiles = 0;
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
        if (from > reached) put(own, counts, &tiles, reached, 0);
        put(own, counts, &tiles, from, group.count);
        reached = to;
    }
    if (reached < t->codes || !tiles) put(own, counts, &tiles, reached, 0);
    own.bounds[tiles] = (int32_t)t->codes;
    int64_t held = 0;
    for (int64_t i = 0; i < tiles; i++) held += counts[i] > 0;
    double back = t->strength + t->discount * (double)held, total = 0.0;
    double before = 0.0;
    own.cumulative[0] = 0.0;
    for (int64_t i = 0; i < tiles; i++) {
        int32_t end = own.bounds[i + 1];
        double upto = parent_tiles ? below(t, parent, parent_tiles, end) : t->root[end];
        double seen = counts[i] > 0 ? counts[i] - t->discount : 0.0;
        total += seen + back * (upto - before);
        before = upto;
        own.cumulative[i + 1] = total;
    }
    for (int64_t i = 1; i <= tiles; i++) own.cumulative[i] /= total;
    return tiles;
}

/* The tiles of the inner nodes from the root down, each behind its parent's. */
typedef struct { Tiles tiles; int64_t room; } Path;

static int make_room(Path *path, int64_t needed) {
    if (needed <= path->room) return 1;
    int64_t room = needed + needed / 2;
    int32_t *bounds = realloc(path->tiles.bounds, (size_t)room * sizeof(int32_t));
    if (bounds) path->tiles.bounds = bounds;
    double *cumulative = realloc(path->tiles.cumulative, (size_t)room * sizeof(double));
    if (cumulative) path->tiles.cumulative = cumulative;
    if (!bounds || !cumulative) return 0;
    path->room = room;
    return 1;
}

/* A node that waits: where its parent's tiles lie on the path, and how many there are (0: it is the root). */
typedef struct { int64_t at, parent, parent_tiles; } Waiting;

/* Counts the codes of a node's rows into groups, and leaves the tally empty. */
static int64_t count_node(const Tiler *t, const uint16_t *target, const int32_t *order, const int32_t *node,
                          Group *groups) {
    int32_t low = (int32_t)t->codes, high = -1;
    for (int64_t i = node[NODE_START]; i < node[NODE_END]; i++) {
        int32_t code = target[order[i]];
        t->tally[code]++;
        if (code < low) low = code;
        if (code > high) high = code;
    }
    int64_t found = group_codes(t, low, high, groups);
    for (int64_t i = node[NODE_START]; i < node[NODE_END]; i++) t->tally[target[order[i]]] = 0;
    return found;
}

/* Lays the tiles of every leaf, depth first. `offsets[i]` is where leaf i begins, `offsets[i] + tiles[i]` its last
 * bound; an inner node has none. Returns the entries used, or -1 when they do not fit and -2 without memory. */
VERIDICAL_EXPORT int64_t veridical_tree_tile(const uint16_t *target, const int32_t *order, const int32_t *nodes,
                                             int64_t count, const double *root, int64_t codes, const int64_t *settings,
                                             double strength, double discount, int64_t *offsets, int64_t *tiles,
                                             int32_t *bounds, double *cumulative) {
    Tiler t = {.root = root, .codes = codes, .settings = settings, .strength = strength, .discount = discount};
    t.tally = calloc((size_t)codes + 1, sizeof(int32_t));
    Group *groups = malloc(((size_t)codes + 1) * sizeof(Group));
    int32_t *counts = malloc((3 * (size_t)codes + 4) * sizeof(int32_t));
    Waiting *waiting = malloc((size_t)(count + 1) * sizeof(Waiting));
    Path path = {{NULL, NULL}, 0};
    int64_t used = 0, left = 0, result = t.tally && groups && counts && waiting ? 0 : -2;
    if (result == 0) waiting[left++] = (Waiting){0, 0, 0};
    while (left && result == 0) {
        Waiting next = waiting[--left];
        const int32_t *node = nodes + next.at * NODE_WIDTH;
        int64_t found = count_node(&t, target, order, node, groups), needed = 3 * found + 4;
        int inner = node[NODE_LEFT] >= 0;
        int64_t behind = next.parent_tiles ? next.parent + next.parent_tiles + 1 : 0;
        if (!inner && used + needed > settings[CAPACITY]) { result = -1; break; }
        if (inner && !make_room(&path, behind + needed)) { result = -2; break; }
        Tiles parent = {path.tiles.bounds + next.parent, path.tiles.cumulative + next.parent};
        Tiles own = inner ? (Tiles){path.tiles.bounds + behind, path.tiles.cumulative + behind}
                          : (Tiles){bounds + used, cumulative + used};
        int64_t laid = lay(&t, groups, found, parent, next.parent_tiles, own, counts);
        offsets[next.at] = inner ? 0 : used;
        tiles[next.at] = inner ? 0 : laid;
        if (!inner) { used += laid + 1; continue; }
        waiting[left++] = (Waiting){node[NODE_RIGHT], behind, laid};
        waiting[left++] = (Waiting){node[NODE_LEFT], behind, laid};
    }
    free(t.tally); free(groups); free(counts); free(waiting); free(path.tiles.bounds); free(path.tiles.cumulative);
    return result == 0 ? used : result;
}

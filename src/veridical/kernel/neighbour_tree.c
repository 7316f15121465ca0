/* Which reference rows are nearest to a query?

   Distance: sum over columns of weight * min(|a - b|, 1). Categories are whole numbers, so they add 0 or their
   weight; numbers are scaled beforehand; missing is one far number, so it is 1 from all but itself.

   A k-d tree with bounding boxes: a box is left out only when its bound is above the worst neighbour kept, and every
   float is rounded the same way in bound and distance, so the answer is that of the full scan. Rows of a leaf lie
   column after column, which the compiler turns into vector code. */
#include "common.h"

#include <math.h>

#define LEAF_ROWS 64
#define SAMPLED_PAIRS 48
#define STACK_NODES 512

typedef struct {
    const float *rows;
    const float *weight;
    int64_t width;
    int64_t *order;
    float *low, *high;
    int64_t *first, *last, *left;
    int64_t capacity, nodes;
} Tree;

static inline float clipped(float gap) { return gap < 1.0f ? gap : 1.0f; }

static float value_at(const Tree *tree, int64_t position, int64_t column) {
    return tree->rows[tree->order[position] * tree->width + column];
}

static void swap_rows(int64_t *order, int64_t a, int64_t b) {
    int64_t held = order[a];
    order[a] = order[b];
    order[b] = held;
}

static void fill_box(const Tree *tree, int64_t node) {
    float *low = tree->low + node * tree->width, *high = tree->high + node * tree->width;
    const float *row = tree->rows + tree->order[tree->first[node]] * tree->width;
    for (int64_t j = 0; j < tree->width; j++) low[j] = high[j] = row[j];
    for (int64_t i = tree->first[node] + 1; i < tree->last[node]; i++) {
        row = tree->rows + tree->order[i] * tree->width;
        for (int64_t j = 0; j < tree->width; j++) {
            low[j] = row[j] < low[j] ? row[j] : low[j];
            high[j] = row[j] > high[j] ? row[j] : high[j];
        }
    }
}

/* The column in which two rows of the node lie farthest apart on average, judged from evenly spaced pairs. */
static int64_t widest_column(const Tree *tree, int64_t node) {
    int64_t first = tree->first[node], count = tree->last[node] - first, best = -1;
    float most = 0.0f;
    for (int64_t j = 0; j < tree->width; j++) {
        float spread = 0.0f;
        if (tree->high[node * tree->width + j] > tree->low[node * tree->width + j]) {
            spread = 1e-12f;
            for (int64_t s = 0; s + 1 < SAMPLED_PAIRS; s++) {
                float a = value_at(tree, first + s * count / SAMPLED_PAIRS, j);
                float b = value_at(tree, first + (s + 1) * count / SAMPLED_PAIRS, j);
                spread += tree->weight[j] * clipped(fabsf(a - b));
            }
        }
        if (spread > most) {
            most = spread;
            best = j;
        }
    }
    return best;
}

/* Partition so that the middle stands in order; return a cut near the middle that does not part equal values. */
static int64_t cut(Tree *tree, int64_t node, int64_t column) {
    int64_t begin = tree->first[node], end = tree->last[node], middle = begin + (end - begin) / 2;
    int64_t from = begin, to = end;
    while (to - from > 1) {
        float pivot = value_at(tree, from + (to - from) / 2, column);
        int64_t less = from, at = from, more = to;
        while (at < more) {
            float value = value_at(tree, at, column);
            if (value < pivot) swap_rows(tree->order, less++, at++);
            else if (value > pivot) swap_rows(tree->order, at, --more);
            else at++;
        }
        if (middle < less) to = less;
        else if (middle >= more) from = more;
        else {
            int64_t least = (end - begin) / 8, below = middle - less, above = more - middle;
            if (below <= above && less - begin >= least) return less;
            if (end - more >= least) return more;
            if (less - begin >= least) return less;
            return middle;
        }
    }
    return middle;
}

static void grow(Tree *tree, int64_t node) {
    fill_box(tree, node);
    tree->left[node] = -1;
    int64_t first = tree->first[node], last = tree->last[node];
    if (last - first <= LEAF_ROWS || tree->nodes + 2 > tree->capacity) return;
    int64_t column = widest_column(tree, node);
    int64_t at = column < 0 ? first + (last - first) / 2 : cut(tree, node, column);
    int64_t child = tree->nodes;
    tree->nodes += 2;
    tree->left[node] = child;
    tree->first[child] = first;
    tree->last[child] = at;
    tree->first[child + 1] = at;
    tree->last[child + 1] = last;
    grow(tree, child);
    grow(tree, child + 1);
}

/* rows: count x width. order must hold 0 .. count - 1. Returns the number of nodes; `blocks` gets the rows of each
   leaf column after column, leaf after leaf. A leaf has left = -1; a right child follows its left one. */
VERIDICAL_EXPORT int64_t veridical_neighbour_build(const float *rows, int64_t count, int64_t width, const float *weight,
                                                   int64_t *order, float *blocks, float *low, float *high,
                                                   int64_t *first, int64_t *last, int64_t *left, int64_t capacity) {
    Tree tree = {rows, weight, width, order, low, high, first, last, left, capacity, 1};
    first[0] = 0;
    last[0] = count;
    grow(&tree, 0);
    for (int64_t node = 0; node < tree.nodes; node++) {
        if (left[node] >= 0) continue;
        int64_t held = last[node] - first[node];
        float *block = blocks + first[node] * width;
        for (int64_t i = 0; i < held; i++)
            for (int64_t j = 0; j < width; j++) block[j * held + i] = rows[order[first[node] + i] * width + j];
    }
    return tree.nodes;
}

static float bound(const float *query, const float *low, const float *high, const float *weight, int64_t width) {
    float sum = 0.0f;
    for (int64_t j = 0; j < width; j++) {
        float under = low[j] - query[j], over = query[j] - high[j];
        float gap = under > over ? under : over;
        gap = gap > 0.0f ? gap : 0.0f;
        sum += weight[j] * clipped(gap);
    }
    return sum;
}

static void keep(float distance, int64_t row, int64_t k, float *distances, int64_t *rows) {
    int64_t at = k - 1;
    while (at > 0 && (distances[at - 1] > distance || (distances[at - 1] == distance && rows[at - 1] > row))) {
        distances[at] = distances[at - 1];
        rows[at] = rows[at - 1];
        at--;
    }
    distances[at] = distance;
    rows[at] = row;
}

static void scan(const float *block, const int64_t *order, int64_t held, const float *query, const float *weight,
                 int64_t width, int64_t skip, int64_t k, float *distances, int64_t *rows) {
    float sum[LEAF_ROWS];
    for (int64_t from = 0; from < held; from += LEAF_ROWS) {
        int64_t count = held - from < LEAF_ROWS ? held - from : LEAF_ROWS;
        for (int64_t i = 0; i < count; i++) sum[i] = 0.0f;
        for (int64_t j = 0; j < width; j++) {
            const float *column = block + j * held + from;
            float at = query[j], scale = weight[j];
            for (int64_t i = 0; i < count; i++) sum[i] += scale * clipped(fabsf(column[i] - at));
        }
        for (int64_t i = 0; i < count; i++) {
            if (sum[i] > distances[k - 1]) continue;
            int64_t row = order[from + i];
            if (row == skip || (sum[i] == distances[k - 1] && row >= rows[k - 1] && rows[k - 1] >= 0)) continue;
            keep(sum[i], row, k, distances, rows);
        }
    }
}

/* queries: count x width; distances, rows: count x k, nearest first, equal distances by row number; where there are
   fewer than k rows the rest is infinity and -1. `skip` names a row each query must not find (or is NULL). */
VERIDICAL_EXPORT int64_t veridical_neighbour_nearest(const float *blocks, const int64_t *order, const float *low,
                                                     const float *high, const int64_t *first, const int64_t *last,
                                                     const int64_t *left, const float *weight, int64_t width,
                                                     const float *queries, int64_t count, const int64_t *skip,
                                                     int64_t k, float *distances, int64_t *rows) {
    for (int64_t q = 0; q < count; q++) {
        const float *query = queries + q * width;
        float *best = distances + q * k;
        int64_t *found = rows + q * k, pending[STACK_NODES], depth = 1;
        float bounds[STACK_NODES];
        for (int64_t i = 0; i < k; i++) {
            best[i] = INFINITY;
            found[i] = -1;
        }
        pending[0] = 0;
        bounds[0] = 0.0f;
        while (depth > 0) {
            int64_t node = pending[--depth];
            if (bounds[depth] > best[k - 1]) continue;
            int64_t child = left[node];
            if (child < 0) {
                scan(blocks + first[node] * width, order + first[node], last[node] - first[node], query, weight, width,
                     skip ? skip[q] : -1, k, best, found);
                continue;
            }
            float a = bound(query, low + child * width, high + child * width, weight, width);
            float b = bound(query, low + (child + 1) * width, high + (child + 1) * width, weight, width);
            int64_t near = a <= b ? child : child + 1;
            pending[depth] = near == child ? child + 1 : child;
            bounds[depth++] = a <= b ? b : a;
            pending[depth] = near;
            bounds[depth++] = a <= b ? a : b;
        }
    }
    return 0;
}

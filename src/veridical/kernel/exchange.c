/* Which numbers change places, so that sums over groups of places come near to what they should be? */
#include "tree.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_SUMS = 16 };

/* Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983): two places drawn by chance exchange their numbers when that
 * costs no more than chance allows, at a heat that falls from `heat` to nothing over the steps.
 *
 * `groups[s * size + place]` is the group of a place in sum s, or -1; `gaps` holds by sum, from `starts[s]` on, how much
 * each group is above what it should be; a unit of sum s costs `weights[s]`, and a unit that a place is away from its
 * number in `wishes` costs `pull`. `came_from` follows the numbers. Returns how many exchanges were made, or -1 with more
 * than 16 sums. */
VERIDICAL_EXPORT int64_t veridical_exchange(int64_t *numbers, int64_t *came_from, const int64_t *wishes, int64_t size,
                                            int64_t sums, const int64_t *groups, int64_t *gaps, const int64_t *starts,
                                            const double *weights, double pull, int64_t steps, double heat,
                                            int64_t seed) {
    if (sums > MOST_SUMS) return -1;
    int64_t made = 0;
    for (int64_t step = 0; step < steps && size > 1; step++) {
        uint64_t counter = (uint64_t)step * 3;
        int64_t one = (int64_t)(tree_uniform((uint64_t)seed, counter) * (double)size);
        int64_t two = (int64_t)(tree_uniform((uint64_t)seed, counter + 1) * (double)size);
        int64_t moved = numbers[one] - numbers[two];
        if (!moved) continue;
        double cost = pull * (double)(llabs(numbers[two] - wishes[one]) + llabs(numbers[one] - wishes[two])
                                      - llabs(numbers[one] - wishes[one]) - llabs(numbers[two] - wishes[two]));
        for (int64_t s = 0; s < sums; s++) {
            int64_t mine = groups[s * size + one], theirs = groups[s * size + two];
            const int64_t *gap = gaps + starts[s];
            if (mine == theirs) continue;
            if (mine >= 0) cost += weights[s] * (double)(llabs(gap[mine] - moved) - llabs(gap[mine]));
            if (theirs >= 0) cost += weights[s] * (double)(llabs(gap[theirs] + moved) - llabs(gap[theirs]));
        }
        if (cost > 0.0) {
            double now = heat * (1.0 - (double)step / (double)steps);
            if (cost > -now * log(tree_uniform((uint64_t)seed, counter + 2) + 1e-300)) continue;
        }
        numbers[one] -= moved;
        numbers[two] += moved;
        int64_t from = came_from[one];
        came_from[one] = came_from[two];
        came_from[two] = from;
        for (int64_t s = 0; s < sums; s++) {
            int64_t mine = groups[s * size + one], theirs = groups[s * size + two];
            if (mine >= 0) gaps[starts[s] + mine] -= moved;
            if (theirs >= 0) gaps[starts[s] + theirs] += moved;
        }
        made++;
    }
    return made;
}

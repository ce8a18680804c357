/* Integrates a scenario's rate once, and inverts it for each request. */
#include "load/schedule.h"

#include <math.h>

static void add_piece(struct fs_schedule *schedule, uint64_t length_us, double rate,
                      double rate_end)
{
    struct fs_schedule_piece *piece = &schedule->pieces[schedule->piece_count];
    const struct fs_schedule_piece *last = piece - 1;
    double length = (double)length_us;

    if (length_us == 0)
        return;
    *piece = (struct fs_schedule_piece){
        .length_us = length, .rate = rate / 1e6, .slope = (rate_end - rate) / 1e6 / length};
    if (schedule->piece_count > 0) {
        piece->begin_us = last->begin_us + last->length_us;
        piece->count_before = last->count_before + last->rate * last->length_us +
                              last->slope * last->length_us * last->length_us / 2;
    }
    schedule->piece_count++;
}

static double count_at(const struct fs_schedule_piece *piece, double at_us)
{
    double in_us = fmin(fmax(at_us - piece->begin_us, 0), piece->length_us);

    return piece->count_before + piece->rate * in_us + piece->slope * in_us * in_us / 2;
}

void fs_schedule_init(struct fs_schedule *schedule, const struct fs_scenario *scenario)
{
    double before = 0;

    *schedule = (struct fs_schedule){.piece_count = 0};
    for (size_t i = 0; i < scenario->stage_count; i++) {
        const struct fs_stage *stage = &scenario->stages[i];

        add_piece(schedule, stage->ramp_us, before, stage->target);
        add_piece(schedule, stage->hold_us, stage->target, stage->target);
        before = stage->target;
    }
    schedule->end_us = fs_scenario_duration_us(scenario);
    if (schedule->piece_count > 0)
        /* A whole number that rounding has just missed is one. */
        schedule->count = (uint64_t)floor(
            count_at(&schedule->pieces[schedule->piece_count - 1], INFINITY) + 1e-6);
}

/* When the integral reaches wanted within the piece: the root of slope/2 x^2 + rate x = m, in the form
 * that loses no digits when slope is small. */
static double time_in(const struct fs_schedule_piece *piece, double wanted)
{
    double m = fmax(wanted - piece->count_before, 0);
    double root = sqrt(fmax(piece->rate * piece->rate + 2 * piece->slope * m, 0));
    double divisor = piece->rate + root;

    if (m <= 0)
        return 0;
    return divisor > 0 ? fmin(2 * m / divisor, piece->length_us) : piece->length_us;
}

uint64_t fs_schedule_time_us(const struct fs_schedule *schedule, uint64_t n, size_t *hint)
{
    const struct fs_schedule_piece *pieces = schedule->pieces;
    double wanted = (double)n;

    while (*hint + 1 < schedule->piece_count && pieces[*hint + 1].count_before <= wanted)
        ++*hint;
    return (uint64_t)(pieces[*hint].begin_us + time_in(&pieces[*hint], wanted));
}

/* Visits every state of a model that can be reached, depth first, and looks for cycles on the way.
 *
 * A model is a state without padding, a number of moves that may be possible in it, and what must hold.
 * Visited states are kept as 64-bit hashes.  Two states with the same hash would hide one of them: with n
 * states the chance is about n * n / 2^65, one in a million for five million states. */
#ifndef FS_TESTS_MODEL_SEARCH_H
#define FS_TESTS_MODEL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* setup is the model's own: what differs from one search to another. */
struct fs_search_model {
    size_t state_size;
    void (*init)(const void *setup, void *state);
    unsigned (*move_count)(const void *setup);

    /* Makes a move, by number.  False: it cannot happen in this state, which is then undefined.  *wrong is
     * set when it breaks a rule. */
    bool (*move)(const void *setup, void *state, unsigned move, const char **wrong);

    /* What is wrong with state, or NULL. */
    const char *(*check)(const void *setup, const void *state);
    bool (*is_over)(const void *setup, const void *state);

    void (*print_state)(const void *setup, const void *state);
    void (*print_move)(const void *setup, const void *state, unsigned move);
};

struct fs_search_result {
    const char *wrong; /* NULL: nothing */
    uint64_t states;
    uint64_t moves;
    uint64_t ends;
    unsigned depth_max;
};

/* is_verbose: prints the moves that lead to what is wrong. */
struct fs_search_result fs_search(const struct fs_search_model *model, const void *setup,
                                  bool is_verbose);

#endif

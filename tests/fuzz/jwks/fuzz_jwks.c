/* Arbitrary bytes as a JSON Web Key Set: it is refused in a sentence, or holds keys that can be used,
 * and is equal to itself read again. */
#include "auth/key_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/algorithm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fs_text text = {(const char *)data, size};
    char error[FS_AUTH_ERROR_SIZE] = "";
    struct fs_key_set *set = NULL, *again = NULL;
    const char *why;

    if (fs_key_set_read_json("keys", text, FS_AUTH_PUBLIC_ALGORITHMS, &set, error) != 0) {
        if (set || error[0] == '\0')
            abort();
        return 0;
    }
    if (set->count == 0 || set->count > FS_KEYS_MAX)
        abort();
    for (size_t i = 0; i < set->count; i++)
        if (set->keys[i].key.data || (fs_algorithm_bits_of(set->keys[i].key.public_key, &why) &
                                      set->keys[i].algorithms) != set->keys[i].algorithms)
            abort();
    if (fs_key_set_read_json("keys", text, FS_AUTH_PUBLIC_ALGORITHMS, &again, error) != 0 ||
        !fs_key_set_is_within(set, again) || !fs_key_set_is_within(again, set))
        abort();
    fs_key_set_release(set);
    fs_key_set_release(again);
    return 0;
}

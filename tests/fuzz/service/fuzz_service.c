/* Arbitrary bytes as a file of service tokens: refused in a sentence, or read; and a token that is the
 * file itself is nobody's. */
#include "auth/service.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fs_text text = {(const char *)data, size};
    char error[FS_AUTH_ERROR_SIZE] = "";
    struct fs_services *services = NULL;
    struct fs_service service;

    if (fs_services_read("tokens", text, &services, error) != 0) {
        if (services || error[0] == '\0')
            abort();
        return 0;
    }
    if (fs_services_find(services, text, &service))
        abort();
    fs_services_release(services);
    return 0;
}

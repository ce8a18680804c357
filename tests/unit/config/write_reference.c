/* Prints the reference of all keys, the content of config/flashsale.yaml, to standard output. */
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"

int main(void)
{
    char *text = fs_config_reference();
    int failed = !text || fputs(text, stdout) < 0 || fflush(stdout) != 0;

    free(text);
    return failed;
}

/* Turns the errors that h2o makes by itself into problems like ours. */
#ifndef FS_HTTP_ERROR_FILTER_H
#define FS_HTTP_ERROR_FILTER_H

#include <h2o.h>

void fs_error_filter_register(h2o_pathconf_t *path); /* [main] */

#endif

/* Which function answers a method and a path: a table a host. */
#ifndef FS_HTTP_ROUTER_H
#define FS_HTTP_ROUTER_H

#include "base/text.h"
#include "http/problem.h"
#include "metrics/metrics.h"

struct fs_exchange;

struct fs_route {
    const char *method;
    const char *prefix; /* "/purchase/": up to the id; the whole path where there is no id */
    const char *suffix; /* what follows the id, "" for nothing; NULL: the path has no id */
    enum fs_endpoint endpoint;
    enum fs_problem unknown; /* the answer to an id that cannot be one */
    bool needs_admin;        /* the admin token */
    void (*serve)(struct fs_exchange *exchange);
};

enum fs_route_result { FS_ROUTE_FOUND = 1, FS_ROUTE_NO_METHOD, FS_ROUTE_NONE };

struct fs_route_match {
    const struct fs_route *route; /* with FOUND; with NO_METHOD one of another method */
    struct fs_text id;            /* points into the path; any bytes but '/', at least one */
    char allow[64];               /* with NO_METHOD: "GET, HEAD", NUL-terminated */
};

/* path: as sent, without the query.  Compared byte by byte: nothing is decoded, so an escaped path
 * matches nothing.  HEAD is served by GET's route.  [any] */
enum fs_route_result fs_router_find(const struct fs_route *routes, size_t route_count,
                                    struct fs_text method, struct fs_text path,
                                    struct fs_route_match *match);

#endif

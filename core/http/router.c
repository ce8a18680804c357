/* Finds the route of a request.  The tables have a dozen rows at most, the busiest first: walking
 * them costs less than hashing a path. */
#include "http/router.h"

#include "base/text.h"

static bool path_matches(const struct fs_route *route, struct fs_text path, struct fs_text *id)
{
    size_t prefix_len = strlen(route->prefix);
    size_t suffix_len;

    if (path.len < prefix_len || memcmp(path.data, route->prefix, prefix_len) != 0)
        return false;
    *id = (struct fs_text){path.data + prefix_len, path.len - prefix_len};
    if (!route->suffix)
        return id->len == 0;
    suffix_len = strlen(route->suffix);
    if (id->len <= suffix_len ||
        memcmp(id->data + id->len - suffix_len, route->suffix, suffix_len) != 0)
        return false;
    id->len -= suffix_len;
    return memchr(id->data, '/', id->len) == NULL;
}

static bool method_matches(const struct fs_route *route, struct fs_text method)
{
    struct fs_text wanted = fs_text_of(route->method);

    return fs_text_equals(method, wanted) ||
           (fs_text_equals(method, FS_TEXT("HEAD")) && fs_text_equals(wanted, FS_TEXT("GET")));
}

static void allow_method(struct fs_buffer *allow, const char *method)
{
    if (allow->len > 0)
        fs_buffer_add(allow, FS_TEXT(", "));
    fs_buffer_add(allow, fs_text_of(method));
    if (strcmp(method, "GET") == 0)
        fs_buffer_add(allow, FS_TEXT(", HEAD"));
}

enum fs_route_result fs_router_find(const struct fs_route *routes, size_t route_count,
                                    struct fs_text method, struct fs_text path,
                                    struct fs_route_match *match)
{
    struct fs_buffer allow = fs_buffer_of(match->allow, sizeof(match->allow) - 1);

    match->route = NULL;
    for (size_t i = 0; i < route_count; i++) {
        struct fs_text id;

        if (!path_matches(&routes[i], path, &id))
            continue;
        match->route = &routes[i];
        match->id = id;
        if (method_matches(&routes[i], method))
            return FS_ROUTE_FOUND;
        allow_method(&allow, routes[i].method);
    }
    match->allow[allow.len] = '\0';
    return match->route ? FS_ROUTE_NO_METHOD : FS_ROUTE_NONE;
}

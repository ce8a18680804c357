/* One Redis server, looked at from the side: INFO, live locks, and cleaning up behind a run. */
#ifndef FS_BENCH_REDIS_NODE_H
#define FS_BENCH_REDIS_NODE_H

#include <stdint.h>
#include <sys/types.h>

#define FS_REDIS_ERROR_SIZE 256

struct fs_redis_node; /* a connection */

/* url: unix:/path or redis://[user:password@]host:port[/db]; secret: password where the URL has none,
 * may be empty.  Each call waits at most 2 s.  Returns 0, -EINVAL (URL), -ECONNREFUSED, -EACCES,
 * -ENOMEM; *error is then a sentence. */
int fs_redis_node_open(struct fs_redis_node **node, const char *url, const char *secret,
                       char error[FS_REDIS_ERROR_SIZE]);
void fs_redis_node_close(struct fs_redis_node *node); /* NULL is fine */

/* INFO as text, malloc'd; NULL: no answer. */
char *fs_redis_node_info(struct fs_redis_node *node);

/* A number of INFO by its field; NaN: there is none. */
double fs_redis_info_value(const char *info, const char *field);

/* Keys that match the pattern, by SCAN; bounded: -1 when there are too many keys to look through. */
int64_t fs_redis_node_count(struct fs_redis_node *node, const char *pattern);

/* Deletes all keys that match.  Returns how many, or -EIO. */
int64_t fs_redis_node_delete(struct fs_redis_node *node, const char *pattern);

#endif

/* Where the strategies of this build are. */
#ifndef FS_SERVER_STRATEGIES_H
#define FS_SERVER_STRATEGIES_H

/* configured: the folder that the configuration names, or "": the build's or the installed one.
 * Gives a path, malloc'd; NULL: out of memory.  [main] */
char *fs_strategies_dir(const char *configured);

#endif

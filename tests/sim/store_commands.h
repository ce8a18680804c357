/* The commands that the in-process store knows: name, words, flags as Redis 7.0 has them. */
#ifndef FS_TESTS_SIM_STORE_COMMANDS_H
#define FS_TESTS_SIM_STORE_COMMANDS_H

#include "sim/store_state.h"

#define WRITES SIM_COMMAND_WRITES
#define GROWS (SIM_COMMAND_WRITES | SIM_COMMAND_NEEDS_MEMORY)
#define TOP SIM_COMMAND_NOT_IN_SCRIPTS
#define STALE SIM_COMMAND_WHILE_STALE
#define LOADING SIM_COMMAND_WHILE_LOADING

/* Sorted by name. */
#define SIM_COMMANDS(C)                                    \
    C(acl_dryrun, "acl|dryrun", -4, TOP | STALE | LOADING) \
    C(acl_whoami, "acl|whoami", 2, TOP | STALE | LOADING)  \
    C(dbsize, "dbsize", 1, 0)                              \
    C(del, "del", -2, WRITES)                              \
    C(echo, "echo", 2, STALE | LOADING)                    \
    C(eval, "eval", -3, TOP | STALE)                       \
    C(evalsha, "evalsha", -3, TOP | STALE)                 \
    C(exists, "exists", -2, 0)                             \
    C(expire, "expire", -3, WRITES)                        \
    C(flushall, "flushall", -1, WRITES)                    \
    C(get, "get", 2, 0)                                    \
    C(getdel, "getdel", 2, WRITES)                         \
    C(hdel, "hdel", -3, WRITES)                            \
    C(hexists, "hexists", 3, 0)                            \
    C(hget, "hget", 3, 0)                                  \
    C(hgetall, "hgetall", 2, 0)                            \
    C(hincrby, "hincrby", 4, GROWS)                        \
    C(hkeys, "hkeys", 2, 0)                                \
    C(hlen, "hlen", 2, 0)                                  \
    C(hmget, "hmget", -3, 0)                               \
    C(hscan, "hscan", -3, 0)                               \
    C(hset, "hset", -4, GROWS)                             \
    C(hsetnx, "hsetnx", 4, GROWS)                          \
    C(hstrlen, "hstrlen", 3, 0)                            \
    C(hvals, "hvals", 2, 0)                                \
    C(incr, "incr", 2, GROWS)                              \
    C(incrby, "incrby", 3, GROWS)                          \
    C(keys, "keys", 2, 0)                                  \
    C(persist, "persist", 2, WRITES)                       \
    C(pexpire, "pexpire", -3, WRITES)                      \
    C(pexpireat, "pexpireat", -3, WRITES)                  \
    C(ping, "ping", -1, 0)                                 \
    C(pttl, "pttl", 2, 0)                                  \
    C(sadd, "sadd", -3, GROWS)                             \
    C(scard, "scard", 2, 0)                                \
    C(script_exists, "script|exists", -3, TOP)             \
    C(script_flush, "script|flush", -2, TOP)               \
    C(script_load, "script|load", 3, TOP | STALE)          \
    C(set, "set", -3, GROWS)                               \
    C(setnx, "setnx", 3, GROWS)                            \
    C(setrange, "setrange", 4, GROWS)                      \
    C(sismember, "sismember", 3, 0)                        \
    C(smembers, "smembers", 2, 0)                          \
    C(srem, "srem", -3, WRITES)                            \
    C(strlen, "strlen", 2, 0)                              \
    C(time, "time", 1, STALE | LOADING)                    \
    C(ttl, "ttl", 2, 0)                                    \
    C(type, "type", 2, 0)                                  \
    C(unlink, "unlink", -2, WRITES)                        \
    C(wait, "wait", 3, TOP)                                \
    C(xadd, "xadd", -5, GROWS)                             \
    C(xlen, "xlen", 2, 0)                                  \
    C(xrange, "xrange", -4, 0)                             \
    C(xrevrange, "xrevrange", -4, 0)                       \
    C(xtrim, "xtrim", -4, WRITES)

#define SIM_COMMAND_DECLARE(id, name, arity, flags) void sim_do_##id(struct sim_call *call);
SIM_COMMANDS(SIM_COMMAND_DECLARE)
#undef SIM_COMMAND_DECLARE

#endif

-- allowed.lua: whether this user may do all that a sale needs; ends with what is missing.
--
-- KEYS     1 sale   2 orders   3 buyers   4 log   5 changes, of a sale that nobody made
--          then claims and products, where all products live on one node; then lock, for v2
-- ARGV     1 "claims" or ""   2 "lock" or ""
-- Returns  1
-- Cost     0.3 us for each pair of command and key

-- With the number of keys, which Redis 7.0 reads whether it is there or not.
for _, command in ipairs({'EVAL', 'EVALSHA'}) do
    if acl_check and not acl_check(command, '', '0') then
        deny('this user may not run ' .. command)
    end
end
need('TIME', '', 'HMGET', KEYS[1], 'HGET', KEYS[1], 'EXISTS', KEYS[1], 'HSET', KEYS[1], 'HDEL', KEYS[1],
    'HINCRBY', KEYS[1], 'UNLINK', KEYS[1], 'EXPIRE', KEYS[1], 'SETRANGE', KEYS[1])
need('HMGET', KEYS[2], 'HGET', KEYS[2], 'HLEN', KEYS[2], 'HVALS', KEYS[2], 'HSCAN', KEYS[2], 'HSET', KEYS[2],
    'EXISTS', KEYS[2], 'UNLINK', KEYS[2])
need('HMGET', KEYS[3], 'HGETALL', KEYS[3], 'HLEN', KEYS[3], 'HSCAN', KEYS[3], 'HSET', KEYS[3],
    'HINCRBY', KEYS[3], 'EXISTS', KEYS[3], 'UNLINK', KEYS[3])
need('XLEN', KEYS[4], 'XADD', KEYS[4], 'DEL', KEYS[4])
need('HGET', KEYS[5], 'HLEN', KEYS[5], 'HSCAN', KEYS[5], 'HSET', KEYS[5], 'EXISTS', KEYS[5],
    'UNLINK', KEYS[5])
local at = 6
if ARGV[1] == 'claims' then
    need('HMGET', KEYS[at], 'HGET', KEYS[at], 'HSET', KEYS[at])
    need('SISMEMBER', KEYS[at + 1], 'SCARD', KEYS[at + 1], 'SADD', KEYS[at + 1], 'SMEMBERS', KEYS[at + 1])
    at = at + 2
end
if ARGV[2] == 'lock' then
    need('GET', KEYS[at], 'SET', KEYS[at], 'PEXPIRE', KEYS[at], 'PTTL', KEYS[at], 'DEL', KEYS[at])
end
return 1

-- fence.lua: whether the caller still holds the lock; put in front of what writes, at build time.
--
-- KEYS     1 sale   last: lock
-- ARGV     8 owner  "token:fence" as acquire.lua gave it
-- Gives    has_token: the lock is the caller's by its name
--          is_holder: and nobody has taken it since, nor changed the sale
-- Cost     2 reads
--
-- A holder that was stopped for longer than its lease finds another's token, or none, or a higher
-- fence, and writes nothing.  Check and write are one script: nothing comes between them.

local LOCK = KEYS[#KEYS]
local token, fence = string.match(ARGV[8], '^(%x+):(%d+)$')
local has_token = redis.call('GET', LOCK) == token
local is_holder = has_token and (redis.call('HGET', KEYS[1], 'fence') or '0') == fence

-- allowed_begin.lua, allowed_end.lua: around each script that writes more than once.
--
-- Redis does not roll back a script that fails half way, and a user may be allowed some commands and
-- keys and not others.  So a script names all that it still needs by will_write() before its first write,
-- and a refusal that comes earlier ends it with
--
--   NOPERM nothing was written: this user may not run HSET on the key ...
--
-- need(command, key, command, key, ...)  ends the script unless the user may run each on its key;
--                                        key '': the command has none
-- will_write(...)                        likewise, right before the first write
-- Cost  0.3 us for each pair

local writing = false
local acl_check = redis.acl_check_cmd

-- Redis before 7.0 does not say what a user may do: these arguments are refused after that was judged,
-- or do nothing.  What has none is the first write, which ends the script by itself.
local WITHOUT_EFFECT = {
    HSET = {'a', 'b', 'c'}, HINCRBY = {'a', 'b'}, HDEL = {'\0'}, EXPIRE = {'a'}, PEXPIRE = {'a'},
    SET = {'a', 'b'}, XADD = {'0-0', 'a', 'b'}, HMGET = {'a'}, HGET = {'a'}, HLEN = {}, XLEN = {},
    EXISTS = {}, GET = {}, PTTL = {}, TIME = {},
}

local function is_denial(text)
    return string.find(text, '^%-?NOPERM') or
        string.find(text, "can't run this command", 1, true) or
        string.find(text, "can't access at least one of the keys", 1, true)
end

local function deny(why)
    local text = 'NOPERM ' .. (writing and 'half written: ' or 'nothing was written: ') .. why
    error(acl_check and {err = text} or '-' .. text)
end

local function may(command, key)
    if acl_check then
        if key == '' then
            return acl_check(command)
        end
        return acl_check(command, key)
    elseif not WITHOUT_EFFECT[command] then
        return true
    end
    local args = key == '' and {} or {key, unpack(WITHOUT_EFFECT[command])}
    local reply = redis.pcall(command, unpack(args))
    return type(reply) ~= 'table' or not reply.err or not is_denial(reply.err)
end

local function need(...)
    for i = 1, select('#', ...), 2 do
        local command, key = select(i, ...)
        if not may(command, key) then
            deny('this user may not run ' .. command .. (key ~= '' and ' on the key ' .. key or ''))
        end
    end
end

local function will_write(...)
    need(...)
    writing = true
end

local function script()

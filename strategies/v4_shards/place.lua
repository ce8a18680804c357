-- place.lua: says where the shards of a sale are, and keeps who moves them.
--
-- KEYS     1 layout  hash: layout, the number in the names of the shards that count, and shards, how
--                    many; next, the highest number ever given; while the shards are being moved
--                    moving, the number of those to come, to, how many, and until, Unix ms; old:N,
--                    shards of a layout N whose keys are to be removed; data, whose sale it is
-- ARGV     1 verb, 5 data: the id of the caller's sale data; 2 to 4 what the verb needs:
--            read
--            claim  shards, layout    of a sale to be made: where there is no layout yet, it is this one
--            begin  layout, shards, lease_ms   to move from layout to so many shards
--            renew  number, lease_ms  of the move that is under way
--            void   number            gives it up
--            flip   number            from now on its shards count
--            drop   number            its keys are removed
-- Returns  {-1, 0, 0, 0, 0, 0, 0} when the sale belongs to other sale data; else
--          {1 when the verb did what it says else 0, layout, shards (0: no sale was ever made), moving
--          (0: nobody moves), next, number and shards of one layout to be removed (0, 0: none)}
-- Cost     1 TIME, 1 read, up to 3 writes
--
-- A move whose time is over is given up by whoever comes next.  Numbers are never used twice, so that
-- what a move that was given up still does reaches shards that never count.

local key, verb, number = KEYS[1], ARGV[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local found, list = {}, redis.call('HGETALL', key)
for i = 1, #list, 2 do
    found[list[i]] = list[i + 1]
end

if found.data and found.data ~= ARGV[5] then
    return {-1, 0, 0, 0, 0, 0, 0}
end

local function int(name)
    return tonumber(found[name]) or 0
end

local function set(...)
    will_write('HSET', key, 'HDEL', key)
    redis.call('HSET', key, ...)
    for i = 1, select('#', ...), 2 do
        found[select(i, ...)] = tostring(select(i + 1, ...))
    end
end

local function remove(name)
    will_write('HSET', key, 'HDEL', key)
    redis.call('HDEL', key, name)
    found[name] = nil
end

local function give_up()
    set('old:' .. int('moving'), found.to)
    remove('moving')
end

if found.moving and int('until') <= now then
    give_up()
end

local done = 1
if verb == 'claim' then
    if not found.layout then
        -- One above 0 was lost, and with it which numbers had been given: those are passed over.
        set('layout', ARGV[3], 'shards', ARGV[2], 'next', ARGV[3] == '0' and 0 or ARGV[3] + 1000)
        if ARGV[5] ~= '' then
            set('data', ARGV[5])
        end
    end
elseif verb == 'begin' then
    if not found.layout or found.moving or found.layout ~= ARGV[2] then
        done = 0
    else
        local next = int('next') + 1
        set('next', next, 'moving', next, 'to', ARGV[3], 'until', now + ARGV[4])
    end
elseif verb == 'drop' then
    remove('old:' .. ARGV[2])
elseif verb ~= 'read' then
    if not found.moving or int('moving') ~= number then
        done = 0
    elseif verb == 'renew' then
        set('until', now + ARGV[3])
    elseif verb == 'void' then
        give_up()
    else
        set('old:' .. found.layout, found.shards, 'layout', ARGV[2], 'shards', found.to)
        remove('moving')
    end
end

local old, old_shards = 0, 0
for name, shards in pairs(found) do
    local of = string.match(name, '^old:(%d+)$')
    if of then
        old, old_shards = tonumber(of), tonumber(shards)
    end
end
return {done, int('layout'), int('shards'), int('moving'), int('next'), old, old_shards}

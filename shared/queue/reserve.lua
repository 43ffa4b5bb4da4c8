-- Reserves one place in a district's bucket. TAT below is the time at which the
-- bucket is full again; each place moves it on by an interval.
-- KEYS: 1 the bucket, 2 the pace that Clever's headers asked for, 3 what Redis
-- remembers of itself, 4 the processes that called lately.
-- ARGV: 1 microseconds per place, 2 burst of this caller, 3 burst of all, 4 the
-- longest wait in microseconds, 5 the memory that the caller last saw, or '',
-- 6 '1' where Redis did not know this script, 7 the caller's process where it
-- is time for a sign of life, else ''.
-- Answers the wait in microseconds after which the place is the caller's (a
-- longer one than allowed has taken nothing), the memory, and how many
-- processes called in the last minute.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, whole, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local seen, restarted, process = ARGV[5], ARGV[6] == '1', ARGV[7]
local text = function(n) return string.format('%.0f', n) end

-- What Redis has forgotten was taken all the same. It has forgotten where its
-- memory is not the one that a caller saw (emptied, at the latest when the new
-- one began), and perhaps where it has a memory but no script (started again,
-- with what it wrote up to two seconds before its end).
local memory = redis.call('HMGET', KEYS[3], 'id', 'lost')
local id, lost = memory[1], tonumber(memory[2] or '0')
local forgot = 0
if id and restarted then forgot = now end
if not id then
  id = text(now)
  redis.call('HSET', KEYS[3], 'id', id)
end
if seen ~= '' and seen ~= id then forgot = math.max(forgot, tonumber(id)) end
if forgot > lost then
  lost = forgot
  redis.call('HSET', KEYS[3], 'lost', text(lost))
end

local since = now - 60000000
if process ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', text(since))
  redis.call('ZADD', KEYS[4], text(now), process)
  redis.call('PEXPIRE', KEYS[4], 120000)
end
local processes = redis.call('ZCOUNT', KEYS[4], text(since), '+inf')

local step = interval
local pace = redis.call('HMGET', KEYS[2], 'interval', 'until')
if pace[1] and tonumber(pace[2]) > now then step = math.max(interval, tonumber(pace[1])) end

-- After a loss the bucket begins empty, once all that may be reserved is over.
local tat = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if lost > 0 then tat = math.max(tat, lost + longest + whole * interval) end
local wait = math.max(0, tat - interval * (burst - 1) - now)
if wait <= longest then
  tat = tat + step
  redis.call('SET', KEYS[1], text(tat), 'PX', math.ceil((tat - now) / 1000) + 1000)
end
return {text(math.ceil(wait)), id, processes}

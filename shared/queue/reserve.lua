-- Reserves places in a bucket that fills evenly.
-- KEYS[1] the bucket; ARGV: microseconds per place, burst, places wanted, the
-- longest wait in microseconds. Answers the wait in microseconds after which
-- the places are the caller's, or, where that is longer than allowed, the same
-- with a minus sign, and nothing is taken.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local places, longest = tonumber(ARGV[3]), tonumber(ARGV[4])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
if full < now then full = now end
local wait = full + interval * places - interval * burst - now
if wait < 0 then wait = 0 end
if wait > longest then return -wait end
full = full + interval * places
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1000)
return math.floor(wait)

-- requeue: a job that ended without a result gets a new series of attempts
-- from   failed, cancelled
-- to     queued
-- flags  -
-- KEYS   1 the queue's beginning
-- ARGV   token · a word of this call's own
-- reply  {state before or '' when there is no such job, state after}; the same word again, after a lost reply, gives the
--        same answer and changes nothing
local token, memory = ARGV[1], base .. K_CALL .. 'requeue:' .. ARGV[2]
local before = call('GET', memory)
if before then return { before, 'queued' } end
local key = job_key(token)
local fields = call('HMGET', key, STATE, VERSION, LINE, WATCH)
local state = fields[1]
if not state then return { '', '' } end
if state ~= 'failed' and state ~= 'cancelled' then return { state, state } end
call('ZREM', base .. (state == 'failed' and K_FAILED or K_CANCELLED), token)
call('HDEL', key, FINISHED, ERROR, FAILURES, CRASHES, PROGRESS, PROGRESSED, CANCEL, DUE)
local version = (fields[2] or 1) + 1
call('HSET', key, STATE, 'queued', SEQ, to_back(fields[3] or 'normal', token), VERSION, version)
call('SET', memory, state, 'PX', 3600000)
count('requeued', 1)
notify(fields[4], token, version)
wake_one()
return { state, 'queued' }

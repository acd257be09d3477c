-- moves: how a job's next state is written
-- flags  allow-oom
-- Writes that something about a job changed, with any pairs of field and value.
local function change(job, ...)
  job.changes = job.changes + 1
  call('HSET', job.key, CHANGES, integer(job.changes), ...)
  notify(job.token, version_of(job), job.state)
end

-- Writes a job's next state, with further pairs of field and value. The place it had is the caller's to clear.
local function move(job, state, ...)
  job.state = state
  change(job, STATE, state .. ' ' .. job.attempt .. job.mark, ...)
end

-- Puts a job, read with its LINE, to the front of that, or of the line for another class of slot unless `class` is ''.
local function go_to_front(job, class, ...)
  local line = job[LINE] or DEFAULT_LINE
  if class == '' or line == in_class(line, class) then
    move(job, 'queued', SEQ, to_front(line, job.token), ...)
  else
    line = in_class(line, class)
    move(job, 'queued', SEQ, to_front(line, job.token), LINE, line, ...)
  end
end

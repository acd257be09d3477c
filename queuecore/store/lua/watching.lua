-- watching: clients that wait for a job hear of its changes
-- flags  allow-oom
-- Tells the clients that wait for this job that it changed; version 0 stands for a job that is gone. Clients with a `!`
-- wait for its end only, and are told a short result with it.
local function notify(token, version, state, result)
  local clients = call('HGET', base .. K_WATCHED, token)
  if not clients then return end
  local message = token .. ' ' .. integer(version)
  for client, only_end in string.gmatch(clients, '([^ !]+)(!?)') do
    if only_end == '' then
      call('PUBLISH', base .. K_CHANGED .. client, message)
    elseif version == 0 or FINAL[state] then
      local short = result and #result <= RESULT_IN_MESSAGE
      call('PUBLISH', base .. K_CHANGED .. client, short and message .. ' ' .. result or message)
    end
  end
end

-- The same for attempts that completed or were claimed together: one question when nobody waits for any job.
local function notify_all(...)
  if call('EXISTS', base .. K_WATCHED) == 0 then return end
  for _, names in ipairs({ ... }) do
    for _, name in ipairs(names) do
      local token = split_name(name)
      if call('HEXISTS', base .. K_WATCHED, token) == 1 then
        local job = read(token, RESULT)
        notify(token, version_of(job), job.state, job[RESULT])
        if job.state == 'completed' then call('HDEL', base .. K_WATCHED, token) end
      end
    end
  end
end

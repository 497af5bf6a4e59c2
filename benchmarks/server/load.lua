-- wrk -s load.lua URL -- BODY-FILE CONTENT-TYPE [NAME VALUE]...: one POST again and again; prints the result as one line of JSON.
local prepared

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local body = file:read("*a")
  file:close()
  local headers = { ["Content-Type"] = args[2], ["Host"] = wrk.host .. ":" .. wrk.port }
  for place = 3, #args, 2 do headers[args[place]] = args[place + 1] end
  prepared = wrk.format("POST", nil, headers, body)
end

function request()
  return prepared
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end

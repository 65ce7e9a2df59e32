-- A waiter goes. KEYS 1 queue, 2 leases; ARGV 1 name of the call, 2 channel.
leave_queue(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return 1

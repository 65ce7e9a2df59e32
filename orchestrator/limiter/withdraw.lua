-- A waiter goes. KEYS 1 base of the Claw; ARGV 1 name of the call, 2 channel.
leave_line(line_of(KEYS[1]), ARGV[1], clock(), nil, ARGV[2])
return 1

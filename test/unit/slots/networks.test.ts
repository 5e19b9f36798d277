import { describe, expect, it } from 'vitest'
import { parseNetworks } from '../../../slots/maintenance/networks.ts'

describe('the networks of --allow', () => {
  it.each([
    ['10.0.0.0/8', ['10.0.0.0/8']],
    ['10.1.2.3/8', ['10.0.0.0/8']],
    ['172.31.255.255/12', ['172.16.0.0/12']],
    ['192.0.2.7', ['192.0.2.7/32']],
    [' 10.0.0.0/8 , 192.0.2.0/24', ['10.0.0.0/8', '192.0.2.0/24']],
    ['10.0.0.0/8,10.9.9.9/8', ['10.0.0.0/8']],
    ['2001:DB8:0:0::/32', ['2001:db8::/32']],
    ['2001:db8:ffff::1/29', ['2001:db8::/29']],
    ['fd12::/7', ['fc00::/7']],
    ['2001:db8:0:1:2:3:4:5/64', ['2001:db8:0:1::/64']],
    ['2001:0db8::0001', ['2001:db8::1/128']],
    ['::ffff:192.0.2.1', ['::ffff:c000:201/128']],
  ])('%s are read as %j', (text, expected) => {
    expect(parseNetworks(text)).toEqual(expected)
  })

  it.each([
    ['', /such as 10\.0\.0\.0\/8/],
    ['10.0.0.0/8,', /such as 10\.0\.0\.0\/8/],
    ['office', /such as/],
    ['10.0.0/8', /such as/],
    ['10.0.0.0/8/8', /such as/],
    ['10.0.0.0/-1', /such as/],
    ['10.0.0.0/', /such as/],
    ['fe80::1%eth0', /such as/],
    ['10.0.0.0/33', /more than 32 bits/],
    ['2001:db8::/129', /more than 128 bits/],
    ['0.0.0.0/0', /everybody/],
    ['::/0', /everybody/],
    ['2001:db8::/36', /use \/39 or more/],
    ['2001:db8::/80', /use \/64 or \/128/],
    [Array.from({ length: 201 }, (_, i) => `10.0.0.${i}`).join(','), /at most 200/],
  ])('%s are rejected', (text, why) => {
    expect(() => parseNetworks(text)).toThrow(why)
  })
})

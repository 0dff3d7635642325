//! What an IP address leads to. An IPv6 address that carries an IPv4 one is what the worse of the two is: translators
//! and tunnels would deliver to the inner one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address leads to, the harmless first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A host of the internet.
    Public,
    /// A network of one's own, or none that the internet routes.
    Private,
    /// The machine itself; the unspecified address too, which Linux takes for it.
    Loopback,
    /// Nobody in particular: multicast, broadcast, discarded.
    Nobody,
    /// A cloud's metadata service or another host of the link, which trusts whoever reaches it.
    Metadata,
}

/// Metadata services at addresses that are not link-local: Azure's and Alibaba's, and Oracle's old one.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];

/// First 32 bits of networks that hold nothing but a cloud's own services: AWS, Google, Oracle, Scaleway.
const METADATA_V6: [[u16; 2]; 4] = [[0xfd00, 0x0ec2], [0xfd20, 0x00ce], [0xfd00, 0x00c1], [0xfd00, 0x0042]];

/// What the address leads to.
#[must_use]
pub fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => {
            embedded(address).into_iter().map(kind_v4).chain([kind_v6(address)]).max().unwrap_or(Kind::Nobody)
        }
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let [a, b, c, _] = address.octets();
    if address.is_link_local() || METADATA_V4.contains(&address) {
        return Kind::Metadata;
    }
    match (a, b, c) {
        (0 | 127, ..) => Kind::Loopback,
        (224..=239, ..) => Kind::Nobody,
        _ if address.is_broadcast() => Kind::Nobody,
        // Private, carrier-grade NAT, benchmarks, protocol assignments, documentation, 6to4 relays, reserved.
        (10 | 240..=255, ..)
        | (172, 16..=31, _)
        | (192, 168, _)
        | (100, 64..=127, _)
        | (198, 18 | 19, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 51, 100)
        | (203, 0, 113) => Kind::Private,
        _ => Kind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let segments = address.segments();
    let [first, second, ..] = segments;
    if address.is_unicast_link_local() || METADATA_V6.contains(&[first, second]) {
        return Kind::Metadata;
    }
    if address.is_loopback() || address.is_unspecified() {
        return Kind::Loopback;
    }
    if address.is_multicast() || segments[..4] == [0x100, 0, 0, 0] {
        return Kind::Nobody;
    }
    match (first, second) {
        // Teredo and other protocol assignments, documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => Kind::Private,
        (0x2000..=0x3fff, _) => Kind::Public,
        // The well-known prefix of NAT64, and IPv4 addresses written as IPv6: as good as what is inside.
        (0x64, 0xff9b) if segments[2..6] == [0; 4] => Kind::Public,
        _ if segments[..5] == [0; 5] && segments[5] == 0xffff => Kind::Public,
        _ => Kind::Private,
    }
}

/// The IPv4 addresses that an IPv6 address may carry.
#[expect(clippy::many_single_char_names, reason = "eight segments have no better names than their places")]
fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let segments = address.segments();
    let [a, b, c, d, e, f, g, h] = segments;
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let last = v4(g, h);
    match segments {
        // Neither address carries another.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        // Compatible, mapped, translated (SIIT), and the well-known prefix of NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            vec![last]
        }
        // NAT64 of one's own (RFC 8215), in each way in which RFC 6052 lays an address out behind 48 to 96 bits. The
        // ninth octet is skipped.
        [0x64, 0xff9b, 1, ..] => {
            let shorter = [
                v4(d, (e << 8) | (f >> 8)),
                v4((d << 8) | (e & 0xff), f),
                v4((e << 8) | (f >> 8), (f << 8) | (g >> 8)),
            ];
            // Of a layout that is not this address's, mostly zeros are read.
            shorter.into_iter().filter(|inner| inner.octets()[0] != 0).chain([last]).collect()
        }
        // 6to4.
        [0x2002, ..] => vec![v4(b, c)],
        // Teredo: the server, and the client with its bits turned.
        [0x2001, 0, ..] => vec![v4(c, d), v4(!g, !h)],
        // ISATAP.
        _ if a != 0 && (e & !0x0200) == 0 && f == 0x5efe => vec![last],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(kind: Kind, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(super::kind(address.parse().unwrap()), kind, "{address}");
        }
    }

    #[test]
    fn metadata_is_known_in_every_cloud_and_every_spelling() {
        all(
            Kind::Metadata,
            &[
                "169.254.169.254",
                "169.254.170.2",
                "169.254.42.42",
                "169.254.0.23",
                "168.63.129.16",
                "100.100.100.200",
                "192.0.0.192",
                "fe80::1",
                "fe80::a9fe:a9fe",
                "fd00:ec2::254",
                "fd00:ec2::23",
                "fd20:ce::254",
                "fd00:c1::a9fe:a9fe",
                "fd00:42::42",
                "::ffff:169.254.169.254",
                "::ffff:168.63.129.16",
                "::169.254.169.254",
                "::ffff:0:169.254.169.254",
                "64:ff9b::169.254.169.254",
                "64:ff9b::100.100.100.200",
                "64:ff9b:1::169.254.169.254",
                // RFC 6052 behind 48, 56 and 64 bits.
                "64:ff9b:1:a9fe:a9:fe00::",
                "64:ff9b:1:a9:fe:a9fe::",
                "64:ff9b:1:0:a9:fea9:fe00:0",
                "2002:a9fe:a9fe::1",
                "2001:0:4136:e378:8000:63bf:5601:5601",
                "2001:db8::5efe:169.254.169.254",
            ],
        );
    }

    #[test]
    fn this_machine_is_known_in_every_spelling() {
        all(
            Kind::Loopback,
            &[
                "127.0.0.1",
                "127.255.0.1",
                "0.0.0.0",
                "0.1.2.3",
                "::1",
                "::",
                "::ffff:127.0.0.1",
                "::127.0.0.1",
                "64:ff9b::127.0.0.1",
                "2002:7f00:1::",
            ],
        );
    }

    #[test]
    fn private_networks_are_distinguished_from_the_internet() {
        all(
            Kind::Private,
            &[
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "198.18.0.1",
                "192.0.2.1",
                "240.0.0.1",
                "fc00::1",
                "fd12:3456::1",
                "fec0::1",
                "2001:db8::1",
                "::ffff:10.0.0.1",
                "64:ff9b::10.0.0.1",
                "64:ff9b:1::8.8.8.8",
            ],
        );
        all(
            Kind::Public,
            &[
                "8.8.8.8",
                "172.32.0.1",
                "100.128.0.1",
                "168.63.129.17",
                "169.253.1.1",
                "1.1.1.1",
                "2606:4700::1",
                "2a00:1450::1",
                "::ffff:8.8.8.8",
                "64:ff9b::8.8.8.8",
                "2002:808:808::1",
            ],
        );
        all(Kind::Nobody, &["224.0.0.1", "255.255.255.255", "ff02::1", "100::1"]);
    }

    proptest! {
        #[test]
        fn no_way_of_writing_an_address_makes_it_better(bits in any::<u32>()) {
            let inner = Ipv4Addr::from(bits);
            let [a, b, c, d] = inner.octets();
            for text in [
                format!("::ffff:{inner}"),
                format!("64:ff9b::{inner}"),
                format!("64:ff9b:1::{inner}"),
                format!("2002:{:x}:{:x}::", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
            ] {
                let outer: IpAddr = text.parse().unwrap();
                prop_assert!(kind(outer) >= kind(inner.into()), "{text}");
            }
        }

        #[test]
        fn every_address_has_a_kind(bits in any::<u128>()) {
            let _ = kind(Ipv6Addr::from(bits).into());
        }
    }
}

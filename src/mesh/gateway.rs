use std::net::IpAddr;

use crate::topology::{Address, EastWestGateway};

/// A cluster's east-west gateway.
#[derive(Debug)]
pub struct Gateway<'t> {
    /// The gateway as its author wrote it.
    pub written: &'t EastWestGateway,
    /// What others dial, if somebody knows it.
    pub address: Option<String>,
}

impl<'t> Gateway<'t> {
    pub(super) fn resolve(written: &'t EastWestGateway) -> Self {
        Self { written, address: address(written).map(|address| address.to_string()) }
    }
}

/// What others dial: what the author says, or the first external IP.
pub(crate) fn address(gateway: &EastWestGateway) -> Option<Address> {
    gateway.address.clone().or_else(|| gateway.external_ips.first().map(|ip| Address::Ip(ip.0)))
}

/// Host and port as in a URL, IPv6 addresses in brackets (RFC 3986, section 3.2.2).
pub(super) fn authority(address: &Address, port: u16) -> String {
    match address {
        Address::Ip(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        address => format!("{address}:{port}"),
    }
}

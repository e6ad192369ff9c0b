use crate::topology::EastWestGateway;

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
        Self { written, address: written.dialled().map(|address| address.to_string()) }
    }
}

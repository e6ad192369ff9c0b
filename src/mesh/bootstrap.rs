use std::borrow::Cow;

use crate::fact::{COLLECTOR, held};
use crate::release::TracingMeans;

use super::tracing::Collector;
use super::{Cluster, Mesh};

impl Mesh<'_> {
    /// Where the bootstrap of proxies says that traces go, unless the author says otherwise, as `host:port`.
    pub fn bootstrap_collector(&self) -> Option<String> {
        let collector = self.collector.as_ref().filter(|_| self.release.tracing == TracingMeans::Bootstrap);
        collector.and_then(Collector::address)
    }

    /// Where the bootstrap of a cluster's proxies says that traces go, as `host:port`.
    pub fn bootstrap_collector_of<'m>(&'m self, cluster: &'m Cluster<'_>) -> Option<Cow<'m, str>> {
        if cluster.provider.is_some() {
            return None;
        }
        let author = [&cluster.written.istio.mesh_config, &self.istio.mesh_config];
        match author.into_iter().find_map(|config| held(config, "meshConfig", COLLECTOR)) {
            // What stands in the place of a mapping names no collector.
            Some((address, path)) => address.as_str().filter(|_| path == COLLECTOR).map(Cow::Borrowed),
            None => self.bootstrap_collector().map(Cow::Owned),
        }
    }
}

use crate::flows::Flows;
use crate::mesh::Cluster;

use super::asked::Asked;
use super::reach::let_through;
use super::{Answer, Call, Check, Paths, Way, gateways};

impl<'t> Paths<'_, 't> {
    pub(super) fn check(&self, from: &Cluster<'t>, to: &Cluster<'t>, call: &Call<'_>, is_told: bool) -> Answer {
        let (caller, called) = (self.primary_of(from), self.primary_of(to));
        let way = match (from.position == to.position, from.network == to.network) {
            (true, _) => Way::Inside,
            (_, true) => Way::Direct,
            _ => Way::Gateway,
        };
        let found = &self.gateways[self.mesh.network_position(to)];
        let gateways = match way {
            Way::Gateway => gateways::selected(found, caller.position, to.position),
            _ => Vec::new(),
        };
        let host = call
            .service
            .map(|service| format!("{}.{}.svc.{}", service.name, service.namespace, self.mesh.cluster_domain));
        let namespace = call.from_namespace.or(call.service.map(|service| service.namespace)).unwrap_or("default");
        let asked =
            Asked { paths: self, from, to, caller, called, way, gateways, service: call.service, host, namespace };
        let flows = if is_told { asked.needed_flows() } else { Flows::nothing() };
        // The name never decides about a whole mesh.
        let mut checks: Vec<Check> = is_told.then(|| asked.name()).into_iter().collect();
        checks.extend([asked.known(), asked.way()]);
        checks.extend(asked.policy());
        if way == Way::Gateway {
            checks.push(asked.server_name());
            checks.push(asked.gateway());
        }
        if way != Way::Inside {
            checks.push(asked.trust());
        }
        if way != Way::Inside && is_told {
            checks.push(let_through(&flows));
        }
        Answer {
            from: from.name.to_owned(),
            to: to.name.to_owned(),
            service: call.service.map(|service| format!("{}/{}:{}", service.namespace, service.name, service.port)),
            way,
            endpoints: asked.gateways.iter().map(|found| found.endpoint.clone()).collect(),
            sni: asked.sni("").filter(|_| way == Way::Gateway),
            flows: flows.rows.iter().map(|row| flows.id(row)).collect(),
            checks,
        }
    }
}

//! How a record is printed.

use std::collections::BTreeMap;
use std::fmt;

use super::{Certificate, Cluster, FORMAT, Gateway, Istio, Lock, NO_ROOT};

impl fmt::Display for Lock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{FORMAT}2\nmeshgen {}", env!("CARGO_PKG_VERSION"))?;
        if let Some(Istio { version, installer }) = &self.istio {
            writeln!(out, "istio {version} by {installer}")?;
        }
        if let Some(charts) = &self.charts {
            writeln!(out, "charts from {charts}")?;
        }
        for root in &self.roots {
            writeln!(out, "root {root}")?;
        }
        if self.is_without_root {
            writeln!(out, "root {NO_ROOT}")?;
        }
        for (cluster, generation) in &self.retired {
            writeln!(out, "retired {cluster} generation {generation}")?;
        }
        for namespace in &self.workloads {
            writeln!(out, "workloads {namespace}")?;
        }
        if let Some(cluster) = &self.traces_to {
            writeln!(out, "traces to {cluster}")?;
        }
        if let Some(cluster) = &self.traces_wait_for {
            writeln!(out, "traces wait for {cluster}")?;
        }
        if !self.steps.is_empty() {
            writeln!(out, "\n# the order")?;
            for step in &self.steps {
                writeln!(out, "step {step}")?;
            }
        }
        let mut heading = None;
        let mut left: BTreeMap<&str, &Cluster> =
            self.clusters.iter().map(|(name, cluster)| (name.as_str(), cluster)).collect();
        for (path, digest) in &self.files {
            let directory = path.split_once('/').map_or("", |(directory, _)| directory);
            if heading != Some(directory) {
                heading = Some(directory);
                writeln!(out, "\n# {}", if directory.is_empty() { "the mesh" } else { directory })?;
                if let Some(cluster) = left.remove(directory) {
                    cluster.print(directory, out)?;
                }
            }
            writeln!(out, "{digest} {path}")?;
        }
        // Only a damaged lock knows a cluster of which it lists no file.
        for (name, cluster) in left {
            writeln!(out, "\n# {name}")?;
            cluster.print(name, out)?;
        }
        Ok(())
    }
}

impl Cluster {
    fn print(&self, name: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [
            ("network", &self.network),
            ("primary", &self.primary),
            ("server", &self.api_server),
            ("proxies", &self.at_start),
        ];
        for (word, value) in texts {
            if let Some(value) = value {
                writeln!(out, "{word} of {name} {value}")?;
            }
        }
        if let Some(roots) = self.told_roots {
            writeln!(out, "told of {name} roots {roots}")?;
        }
        if let Some(authority) = self.api_server_ca {
            writeln!(out, "authority of {name} {authority}")?;
        }
        if let Some(proxy) = &self.proxy_url {
            writeln!(out, "way of {name} through {proxy}")?;
        }
        if self.is_waiting {
            writeln!(out, "wait of {name} for the address of its primary")?;
        }
        if let Some(context) = &self.context {
            // A context may hold anything, line breaks too.
            writeln!(out, "context of {name} {}", serde_json::Value::from(context.as_str()))?;
        }
        match &self.gateway {
            None => {}
            Some(Gateway::Absent) => writeln!(out, "gateway of {name} none")?,
            Some(Gateway::Unaddressed) => writeln!(out, "gateway of {name}")?,
            Some(Gateway::At(address)) => writeln!(out, "gateway of {name} at {address}")?,
        }
        for (destination, via) in &self.routes {
            writeln!(out, "route of {name} {destination} via {via}")?;
        }
        for issuer in &self.issuers {
            writeln!(out, "issuer of {name} {issuer}")?;
        }
        for root in &self.roots {
            writeln!(out, "trust of {name} sha256:{root}")?;
        }
        if let Some(anchor) = &self.anchor {
            writeln!(out, "anchor of {name} sha256:{anchor}")?;
        }
        if let Some(key) = self.key {
            writeln!(out, "key of {name} {key}")?;
        }
        for reader in &self.readers {
            writeln!(out, "reader of {name} {reader}")?;
        }
        if let Some((generation, Certificate { fingerprint, serial, not_before, not_after })) = &self.certificate {
            writeln!(
                out,
                "certificate of {name} generation {generation} valid {not_before} to {not_after} serial {serial} \
                 sha256:{fingerprint}"
            )?;
        }
        Ok(())
    }
}

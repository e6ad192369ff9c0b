//! The units of a mesh, their order, and who applies them. Scripts, pages, the lock and `diff` are ways of
//! writing it, and none of them knows an order of its own.

use std::fmt;

use serde_json::Value;

use crate::artifact::{self, DIRECTORIES, Directory, MANIFESTS, Means, Role, SCRIPTS, Script, When};
use crate::istio;
use crate::layout::{CACERTS, ISTIO, NAMESPACE, REMOTE_SECRETS, ROOTS, ROUTES, STORED_SECRETS};
use crate::mesh::{Cluster, Mesh};
use crate::parallel;
use crate::release::RemoteShape;
use crate::topology::{Install, SecretForm};
use crate::yaml;

pub mod commits;
mod edges;
pub mod rotation;
pub mod waiting;

/// The units of a mesh, in order.
#[derive(Debug)]
pub struct Plan<'m, 't> {
    /// The mesh.
    pub mesh: &'m Mesh<'t>,
    /// What each cluster gets, by its position in the mesh.
    pub contents: Vec<Contents>,
    /// What the proxies of each cluster know from their start alone, by its position in the mesh.
    pub(crate) starts: Vec<String>,
    /// Units that belong together: a later stage begins when all of an earlier one is done.
    pub stages: Vec<Stage<'m, 't>>,
}

/// The files of a cluster, each object computed once.
#[derive(Debug, Default)]
pub struct Contents {
    /// The numbered directories of manifests, in their order.
    pub directories: Vec<(&'static str, Vec<Manifest>)>,
    /// The scripts with their texts.
    pub scripts: Vec<(&'static str, String)>,
    /// The objects in the namespace of Istio that the directories state, as `Kind/name`.
    pub objects: Vec<String>,
}

/// A file of objects, printed.
#[derive(Debug)]
pub struct Manifest {
    pub(crate) file: &'static str,
    pub(crate) role: Role,
    pub(crate) text: String,
}

/// Units that can run after the stages before.
#[derive(Debug)]
pub struct Stage<'m, 't> {
    pub(crate) name: StageName,
    /// The units in order. Those of one cluster stand together, each after the one before it.
    pub units: Vec<Unit<'m, 't>>,
}

/// The stages by what they bring about, each after those that its variant names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageName {
    /// On the nodes, by hand.
    Routes,
    Prepared,
    Primaries,
    /// Thin remotes first learn of their primary.
    Webhooks,
    /// Clusters say how they are read.
    Access,
    Credentials,
    /// Remotes with an istiod of their own.
    Remotes,
    /// Gateways of thin remotes.
    Gateways,
    /// The same for egress.
    EgressGateways,
    Collector,
    Restart,
}

/// One thing that is done in one cluster.
#[derive(Debug, Clone)]
pub struct Unit<'m, 't> {
    /// The cluster.
    pub cluster: &'m Cluster<'t>,
    /// What is done.
    pub what: What,
}

/// What a unit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The objects of a directory are applied.
    Objects(&'static str),
    /// The same for what brings a Secret with a private key.
    Secret(&'static str, SecretForm),
    /// The same for the trace collector, and a wait until it answers.
    Collector(&'static str),
    /// istioctl installs the control plane.
    Istio(&'static str),
    /// istioctl installs the way to another cluster's control plane.
    ThinRemote(&'static str),
    /// istioctl installs a gateway.
    Gateway(&'static str),
    /// Helm installs the charts of the control plane, or of the way to another cluster's.
    IstioCharts(&'static str, Charts),
    /// The resources are applied by which the Sail operator installs the control plane, or the way to another cluster's.
    IstioResources(&'static str, Charts),
    /// The objects of the east-west gateway are applied, also over one that istioctl installed.
    GatewayObjects(&'static str),
    /// Helm installs the gateways of the profile.
    GatewayCharts(&'static str, GatewayCharts),
    /// The objects of a directory are applied, and what they name is pushed to a store.
    Pushed(&'static str),
    /// The same, and remote secrets are made of what is in the store.
    Fetched(&'static str),
    /// A script of the cluster runs on a workstation.
    Script(&'static str),
    /// A script of the cluster runs on each of its nodes.
    NodeScript(&'static str),
    /// Pods with an older mesh config restart.
    Restart,
}

/// What Helm or the Sail operator installs of Istio in a cluster, besides the charts `base` and `istiod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charts {
    /// Whether an istiod runs there.
    pub runs_istiod: bool,
    /// The namespace of Istio's CNI plugin, where it has one.
    pub cni: Option<&'static str>,
}

/// The gateways of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayCharts {
    /// Whether there is an ingress gateway.
    pub ingress: bool,
    /// Whether there is an egress gateway.
    pub egress: bool,
}

/// Who can do what a unit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A client that applies objects: kubectl, Argo CD or Flux.
    Applier,
    /// A person who has the private keys.
    KeyHolder,
    /// istioctl.
    Istioctl,
    /// Helm.
    Helm,
    /// A person with a context for each cluster.
    Operator,
    /// root, on each node.
    Root,
}

impl What {
    /// The directory or script that it is about.
    pub fn artifact(self) -> &'static str {
        match self {
            Self::Objects(directory)
            | Self::Secret(directory, _)
            | Self::Collector(directory)
            | Self::Istio(directory)
            | Self::ThinRemote(directory)
            | Self::Gateway(directory)
            | Self::IstioCharts(directory, _)
            | Self::IstioResources(directory, _)
            | Self::GatewayObjects(directory)
            | Self::GatewayCharts(directory, _)
            | Self::Pushed(directory)
            | Self::Fetched(directory) => directory,
            Self::Script(script) | Self::NodeScript(script) => script,
            Self::Restart => "restart",
        }
    }

    /// Who can do it.
    pub fn who(self) -> Who {
        match self {
            Self::Secret(_, SecretForm::Files) => Who::KeyHolder,
            Self::Objects(_)
            | Self::Secret(..)
            | Self::Collector(_)
            | Self::GatewayObjects(_)
            | Self::Pushed(_)
            | Self::Fetched(_)
            | Self::IstioResources(..) => Who::Applier,
            Self::Istio(_) | Self::ThinRemote(_) | Self::Gateway(_) => Who::Istioctl,
            Self::IstioCharts(..) | Self::GatewayCharts(..) => Who::Helm,
            Self::Script(_) | Self::Restart => Who::Operator,
            Self::NodeScript(_) => Who::Root,
        }
    }

    /// Whether Argo CD and Flux can do it from Git: objects, and charts with their values.
    pub(crate) fn is_for_controllers(self) -> bool {
        matches!(self.who(), Who::Applier | Who::Helm)
    }

    /// What is done with a directory in a cluster.
    fn of_directory(directory: &Directory, mesh: &Mesh<'_>, cluster: &Cluster<'_>, files: &[Manifest]) -> Self {
        let name = directory.name;
        let has_cni = cluster.has_cni_chart() || cluster.has_cni_resource();
        let of_istio = Charts { runs_istiod: cluster.runs_istiod, cni: has_cni.then(|| cluster.cni_namespace()) };
        let has = |file: &str| files.iter().any(|manifest| manifest.file == file);
        match directory.means {
            Means::Objects => Self::Objects(name),
            Means::Collector => Self::Collector(name),
            Means::Secret => Self::Secret(name, mesh.secrets.form),
            Means::Istio => match cluster.install {
                Install::Helm => Self::IstioCharts(name, of_istio),
                Install::Sail => Self::IstioResources(name, of_istio),
                Install::Istioctl if cluster.runs_istiod => Self::Istio(name),
                Install::Istioctl => Self::ThinRemote(name),
            },
            Means::Gateway if cluster.install.states_gateways() => Self::GatewayObjects(name),
            Means::Gateway => Self::Gateway(name),
            Means::Charts => {
                let (ingress, egress) = (has("ingress.values.yaml"), has("egress.values.yaml"));
                Self::GatewayCharts(name, GatewayCharts { ingress, egress })
            }
            Means::Pushed => Self::Pushed(name),
            Means::Fetched => Self::Fetched(name),
        }
    }

    /// What is done with a script.
    pub(crate) fn of_script(script: &Script) -> Self {
        if script.when == When::Routes { Self::NodeScript(script.file) } else { Self::Script(script.file) }
    }
}

/// The unit's name, for people, for `install.sh --from` and for the lock: `east/30-istio`.
impl fmt::Display for Unit<'_, '_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.cluster.name, self.what.artifact())
    }
}

impl StageName {
    /// What the stage brings about, as a heading.
    fn title(self) -> &'static str {
        match self {
            Self::Routes => "Node routes",
            Self::Prepared => "Namespaces",
            Self::Primaries => "Primaries",
            Self::Webhooks => "Remotes: webhook and the way to their primary",
            Self::Access => "Access to the clusters",
            Self::Credentials => "Remote secrets",
            Self::Remotes => "Remotes",
            Self::Gateways => "Remotes: east-west gateways",
            Self::EgressGateways => "Remotes: egress gateways",
            Self::Collector => "Trace collector",
            Self::Restart => "Restart of what runs with an older mesh config",
        }
    }

    /// The stages that have to be done before, where they have anything to do.
    ///
    /// With local istiods the remote secrets come before the remotes, whose gateways never get ready without
    /// (`1.11.2:pkg/test/framework/components/istio/operator.go`). With thin remotes the annotated namespace and the webhook come
    /// first: the primary reads the annotation once, when it gets the secret
    /// (`1.30.3:pilot/pkg/serviceregistry/kube/controller/multicluster.go`); then the remotes' gateways, which it injects. A token
    /// comes after its account: Kubernetes deletes a Secret for the token of one that is not there.
    fn after(self) -> &'static [Self] {
        match self {
            Self::Routes => &[],
            Self::Prepared => &[Self::Routes],
            Self::Primaries => &[Self::Prepared],
            Self::Webhooks => &[Self::Primaries],
            Self::Access => &[Self::Primaries, Self::Webhooks],
            Self::Credentials => &[Self::Primaries, Self::Webhooks, Self::Access],
            Self::Remotes | Self::Gateways | Self::EgressGateways => &[Self::Credentials],
            Self::Collector => &[Self::Credentials, Self::Remotes, Self::Gateways, Self::EgressGateways],
            Self::Restart => &[Self::Collector],
        }
    }

    /// How many stages at most have to be done before.
    fn level(self) -> usize {
        self.after().iter().map(|before| before.level() + 1).max().unwrap_or(0)
    }

    /// The stage in which a cluster takes something.
    fn of(when: When, mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Self {
        let is_thin = mesh.release.remotes == RemoteShape::Thin;
        match when {
            When::Routes => Self::Routes,
            When::Prepared => Self::Prepared,
            When::Access => Self::Access,
            When::Credentials => Self::Credentials,
            When::Collector => Self::Collector,
            When::EgressGateway => Self::EgressGateways,
            When::ControlPlane | When::Gateway if cluster.is_primary() => Self::Primaries,
            When::ControlPlane if is_thin => Self::Webhooks,
            When::Gateway if is_thin => Self::Gateways,
            When::ControlPlane | When::Gateway => Self::Remotes,
        }
    }
}

/// Puts the steps of an installation in the order for a mesh that runs; `install.sh` does the same by what it finds in the clusters.
///
/// The remotes that `is_upgraded` names take `30-istio` before the primaries: their roles for readers come first
/// (istio/istio#59474). A primary that becomes a remote, one that `is_demoted` names, goes after the remote secrets: until then its istiod
/// serves whoever goes over to another one, which has no credentials before.
pub(crate) fn order_for_a_running_mesh(
    steps: &mut [String],
    is_upgraded: impl Fn(&str) -> bool,
    is_demoted: impl Fn(&str) -> bool,
) {
    let is_control_plane = |step: &str, is_it: &dyn Fn(&str) -> bool| {
        step.split_once('/').is_some_and(|(cluster, artifact)| artifact == ISTIO && is_it(cluster))
    };
    let is_credentials = |step: &str| [REMOTE_SECRETS, STORED_SECRETS].iter().any(|artifact| step.ends_with(artifact));
    let is_prepared = |step: &str| [NAMESPACE, CACERTS, ROOTS, ROUTES].iter().any(|artifact| step.ends_with(artifact));
    let last = steps.iter().rposition(|step| is_credentials(step)).unwrap_or(steps.len());
    let mut position = 0;
    steps.sort_by_cached_key(|step| {
        position += 1;
        if is_prepared(step) {
            (0, position, 0)
        } else if is_control_plane(step, &is_upgraded) {
            (1, position, 0)
        } else if is_control_plane(step, &is_demoted) {
            (2, last + 1, position)
        } else {
            (2, position, 0)
        }
    });
}

/// Planning fewer clusters takes less time than starting a thread.
const CLUSTERS_WORTH_A_THREAD: usize = 8;

impl<'m, 't> Plan<'m, 't> {
    /// Plans a whole mesh.
    pub fn of(mesh: &'m Mesh<'t>) -> Self {
        let planned = parallel::map(&mesh.clusters, CLUSTERS_WORTH_A_THREAD, |cluster| {
            (Contents::of(mesh, cluster), istio::at_start(mesh, cluster))
        });
        let (contents, starts): (Vec<Contents>, Vec<String>) = planned.into_iter().unzip();
        let mut stages: Vec<Stage<'m, 't>> = Vec::new();
        for (cluster, contents) in mesh.clusters.iter().zip(&contents) {
            for (name, what) in contents.units(mesh, cluster) {
                let unit = Unit { cluster, what };
                match stages.iter_mut().find(|stage| stage.name == name) {
                    Some(stage) => stage.units.push(unit),
                    None => stages.push(Stage { name, units: vec![unit] }),
                }
            }
        }
        stages.sort_by_key(|stage| stage.name.level());
        Self { mesh, contents, starts, stages }
    }

    /// Every unit, in order.
    pub fn units(&self) -> impl Iterator<Item = &Unit<'m, 't>> {
        self.stages.iter().flat_map(|stage| &stage.units)
    }

    /// The stages that are carried out from a workstation.
    pub fn installation(&self) -> impl Iterator<Item = &Stage<'m, 't>> {
        self.stages.iter().filter(|stage| stage.name != StageName::Routes)
    }

    /// What a stage brings about, as a heading.
    pub(crate) fn title(&self, stage: StageName) -> &'static str {
        match stage {
            StageName::Prepared if self.has(CACERTS) => "Namespaces and certificate authorities",
            StageName::Prepared if self.has(ROOTS) => "Namespaces and roots",
            stage => stage.title(),
        }
    }

    /// The clusters on whose nodes a script has to run.
    pub fn routed(&self) -> Vec<&'m str> {
        let routes = self.units().filter(|unit| unit.what.who() == Who::Root);
        routes.map(|unit| unit.cluster.name).collect()
    }

    /// Whether any cluster has a directory or a script.
    pub fn has(&self, artifact: &str) -> bool {
        self.units().any(|unit| unit.what.artifact() == artifact)
    }
}

/// An object that is in a namespace, as `Kind/name`.
fn namespaced(object: &Value) -> Option<String> {
    object.pointer("/metadata/namespace")?;
    let text = |path| object.pointer(path).and_then(Value::as_str);
    Some(format!("{}/{}", text("/kind")?, text("/metadata/name")?))
}

impl Contents {
    /// What one cluster gets.
    pub fn of(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Self {
        let mut contents = Self::default();
        for manifest in MANIFESTS.iter().filter(|manifest| !cluster.is_waiting || !artifact::waits(manifest.directory))
        {
            let documents = (manifest.documents)(mesh, cluster);
            if documents.is_empty() {
                continue;
            }
            if manifest.role == Role::Resource {
                contents.objects.extend(documents.iter().filter_map(namespaced));
            }
            let printed = Manifest { file: manifest.file, role: manifest.role, text: yaml::print_all(&documents) };
            match contents.directories.last_mut() {
                Some((directory, manifests)) if *directory == manifest.directory => manifests.push(printed),
                _ => contents.directories.push((manifest.directory, vec![printed])),
            }
        }
        let scripts = SCRIPTS.iter().filter_map(|script| Some((script.file, (script.text)(mesh, cluster)?)));
        contents.scripts = scripts.collect();
        contents
    }

    /// What is done with it, and in which stage.
    fn units(&self, mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<(StageName, What)> {
        let files = |directory: &Directory| match directory.means {
            Means::Secret => cluster.intermediate.as_ref().map(|_| &[][..]),
            _ => self.directories.iter().find(|(name, _)| *name == directory.name).map(|(_, files)| &files[..]),
        };
        let unit = |directory: &Directory| {
            let what = What::of_directory(directory, mesh, cluster, files(directory)?);
            Some((StageName::of(directory.when, mesh, cluster), what))
        };
        let mut units: Vec<(StageName, What)> = DIRECTORIES.iter().filter_map(unit).collect();
        let is_there = |script: &&Script| self.scripts.iter().any(|(name, _)| *name == script.file);
        for script in SCRIPTS.iter().filter(is_there) {
            units.push((StageName::of(script.when, mesh, cluster), What::of_script(script)));
        }
        if !cluster.is_waiting {
            units.push((StageName::Restart, What::Restart));
        }
        units
    }
}

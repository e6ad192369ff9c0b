//! Commands as people and scripts run them. Each word is quoted once, here.

use std::fmt;

use serde_json::{Value, json};

use crate::artifact::{PUSH_FILE, STORED_SECRETS_FILE, eastwest_gateway, egress_gateway, helm_releases, sail};
use crate::layout::{EASTWEST_GATEWAY, EGRESS_GATEWAY, GATEWAYS, ISTIO, ISTIO_SYSTEM};
use crate::plan::{self, What};
use crate::release::SAIL;
use crate::template::{quote, word};

pub(crate) use self::keys::{IDENTITIES, give_identities};

mod keys;

/// The label of what meshgen stated, and of what its scripts made.
pub(crate) const OURS: &str = "app.kubernetes.io/managed-by=meshgen";

/// A command and its words, as a shell reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    text: String,
}

impl Command {
    /// A program.
    pub(crate) fn new(program: &str) -> Self {
        Self { text: word(program) }
    }

    /// A script of a tree by its path, which a shell may expand.
    pub(crate) fn script(path: &str) -> Self {
        Self { text: path.to_owned() }
    }

    /// kubectl, in a context.
    pub(crate) fn kubectl(context: &str) -> Self {
        Self::new("kubectl").option("--context", context)
    }

    /// Adds words, each quoted where a shell would read it as something else.
    pub(crate) fn words<'w>(mut self, words: impl IntoIterator<Item = &'w str>) -> Self {
        for text in words {
            self.text.push(' ');
            self.text.push_str(&word(text));
        }
        self
    }

    /// Adds `--name='value'`.
    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.text.extend([" ", name, "=", &quote(value)]);
        self
    }

    /// Adds what the shell is to expand.
    pub(crate) fn shell(mut self, text: &str) -> Self {
        self.text.extend([" ", text]);
        self
    }

    /// Adds a remark for people.
    pub(crate) fn remark(mut self, remark: &str) -> Self {
        self.text.extend(["   # ", remark]);
        self
    }
}

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Where the commands of a unit are typed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'p> {
    /// In a terminal in the tree's directory: the name of the cluster, its context, and the name of its istiod.
    Terminal { cluster: &'p str, context: &'p str, istiod: &'p str },
    /// The same in a loop, whose variables are `cluster` and `context`, over clusters with an istiod of the same name.
    Loop { istiod: &'p str },
    /// In a function of `install.sh`, whose parameters are cluster, context and the name of istiod.
    Script,
}

impl Place<'_> {
    /// The name of istiod's Service and Deployment, as a word of the shell.
    fn istiod(&self) -> &str {
        match self {
            Self::Terminal { istiod, .. } | Self::Loop { istiod } => istiod,
            Self::Script => "\"$3\"",
        }
    }

    fn command(self, program: &str, words: &[&str]) -> Command {
        match self {
            Self::Terminal { context, .. } => in_context(program, words, &quote(context)),
            Self::Loop { .. } => in_context(program, words, "\"$context\""),
            // istioctl takes options behind its words only.
            Self::Script if program == "istioctl" => {
                let (verb, rest) = words.split_first().expect("istioctl has a verb");
                Command::new(program).words([*verb]).shell("--context=\"$2\"").words(rest.iter().copied())
            }
            Self::Script => Command::new(program).shell("--context=\"$2\"").words(words.iter().copied()),
        }
    }

    fn path(self, directory: &str, file: &str) -> String {
        let path = if file.is_empty() { directory.to_owned() } else { [directory, "/", file].concat() };
        match self {
            Self::Terminal { cluster, .. } => [cluster, "/", &path].concat(),
            Self::Loop { .. } => ["\"$cluster/", &path, "\""].concat(),
            Self::Script => ["\"$1/", &path, "\""].concat(),
        }
    }

    fn apply(self, options: &[&str], directory: &str) -> Command {
        self.command("kubectl", &[&["apply"], options].concat()).shell("-k").shell(&self.path(directory, ""))
    }

    fn install(self, directory: &str, files: &[&str]) -> Command {
        let install = self.command("istioctl", &["install", "-y"]);
        files.iter().fold(install, |command, file| command.shell("-f").shell(&self.path(directory, file)))
    }

    /// Helm installs or upgrades a release from a chart, with files of values.
    fn helm(self, charts: Charts<'_>, release: &str, chart: &str, namespace: &str, files: &[String]) -> Command {
        let context = match self {
            Self::Terminal { context, .. } => quote(context),
            Self::Loop { .. } => "\"$context\"".to_owned(),
            Self::Script => "\"$2\"".to_owned(),
        };
        let upgrade = Command::new("helm").words(["upgrade", "--install"]).shell(release);
        let is_oci = charts.repository.starts_with("oci://");
        let upgrade = if is_oci {
            upgrade.words([[charts.repository, "/", chart].concat().as_str()])
        } else {
            upgrade.words([chart, "--repo", charts.repository])
        };
        let upgrade = upgrade.words(["--version", charts.version]).shell(&["--kube-context=", &context].concat());
        let upgrade = upgrade.shell("-n").shell(namespace);
        let upgrade = files.iter().fold(upgrade, |command, file| command.shell("-f").shell(file));
        // What the script was asked to take over.
        if matches!(self, Self::Script) { upgrade.shell("\"${ownership[@]}\"") } else { upgrade }
    }

    /// Waits until the External Secrets Operator has done what a file says.
    fn ready(self, directory: &str, file: &str) -> Command {
        let words = ["wait", "--for=condition=Ready", "--timeout=10m"];
        self.command("kubectl", &words).shell("-f").shell(&self.path(directory, file))
    }

    /// kubectl waits for a condition of a resource of the Sail operator. It does not take one of an earlier generation
    /// (`staging/src/k8s.io/kubectl/pkg/cmd/wait/condition.go` of Kubernetes 1.30).
    fn wait_for(self, condition: &str, kind: &str) -> Command {
        let condition = ["--for=condition=", condition].concat();
        let resource = [kind, ".sailoperator.io/", sail::NAME].concat();
        let wait = self.command("kubectl", &["wait", &condition, &resource]);
        wait.shell(if matches!(self, Self::Script) { "--timeout=\"$timeout\"" } else { "--timeout=10m" })
    }

    fn wait(self, deployment: &str) -> Command {
        let deployment = ["deployment/", deployment].concat();
        match self {
            Self::Terminal { .. } | Self::Loop { .. } => {
                self.command("kubectl", &["-n", ISTIO_SYSTEM, "rollout", "status"]).shell(&deployment)
            }
            Self::Script => self
                .command("kubectl", &[])
                .shell("-n \"$namespace\" rollout status")
                .shell(&deployment)
                .shell("--timeout=\"$timeout\""),
        }
    }
}

/// A command with a context that is a word of the shell already.
fn in_context(program: &str, words: &[&str], context: &str) -> Command {
    let context = ["--context=", context].concat();
    match words.split_first() {
        // istioctl takes options behind its words only.
        Some((verb, rest)) if program == "istioctl" => {
            Command::new(program).words([*verb]).shell(&context).words(rest.iter().copied())
        }
        _ => Command::new(program).shell(&context).words(words.iter().copied()),
    }
}

/// Where Istio's charts are, and their version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charts<'c> {
    pub(crate) repository: &'c str,
    pub(crate) version: &'c str,
}

/// Helm uninstalls a release.
pub(crate) fn uninstall(context: &str, release: &str, namespace: &str) -> Command {
    Command::new("helm").words(["uninstall", release]).option("--kube-context", context).words(["-n", namespace])
}

/// Has a manager state nothing more of objects: what only it stated goes, and so do the labels by which istioctl prunes.
pub(crate) fn release_fields(context: &str, manager: &str, objects: &[Value]) -> Command {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string();
    let manager = format!("--field-manager={manager}");
    let words = ["apply", "--server-side", manager.as_str(), "-f", "-"];
    Command::kubectl(context).words(words).shell("<<<").shell(&quote(&list))
}

/// Helm installs the definitions and the reader's account.
pub(crate) fn base_chart(place: Place<'_>, charts: Charts<'_>) -> Command {
    place.helm(charts, helm_releases::BASE, "base", ISTIO_SYSTEM, &[place.path(ISTIO, "base.values.yaml")])
}

/// Helm installs Istio's CNI plugin, and every node has to have it.
pub(crate) fn cni_chart(place: Place<'_>, charts: Charts<'_>, namespace: &str) -> [Command; 2] {
    let chart = place.helm(charts, helm_releases::CNI, "cni", namespace, &[place.path(ISTIO, "cni.values.yaml")]);
    [chart, wait_for_plugin(place, namespace)]
}

/// The operator has installed what the resource of Istio says. Both conditions are needed: those of the first are those of the second,
/// which may not have seen its change yet (istio-ecosystem/sail-operator 1.30.3, `controllers/istio/istio_controller.go`). A remote gets
/// ready only when its primary has its remote secret, so nothing waits for that (`controllers/webhook/webhook_controller.go`).
pub(crate) fn wait_for_operator(place: Place<'_>, runs_istiod: bool) -> Vec<Command> {
    let condition = if runs_istiod { "Ready" } else { "Reconciled" };
    let mut waits = vec![place.wait_for(condition, "istios"), place.wait_for("Reconciled", "istiorevisions")];
    if runs_istiod {
        waits.push(place.wait(place.istiod()));
    }
    waits
}

/// The same for Istio's CNI plugin.
pub(crate) fn wait_for_cni(place: Place<'_>, namespace: &str) -> [Command; 2] {
    [place.wait_for("Reconciled", "istiocnis"), wait_for_plugin(place, namespace)]
}

/// Every node has Istio's CNI plugin.
fn wait_for_plugin(place: Place<'_>, namespace: &str) -> Command {
    let wait = match place {
        Place::Script => place.command("kubectl", &[]).shell("-n").shell(namespace),
        _ => place.command("kubectl", &["-n", namespace]),
    };
    let wait = wait.shell("rollout status daemonset/istio-cni-node");
    if matches!(place, Place::Script) { wait.shell("--timeout=\"$timeout\"") } else { wait }
}

/// The resources of the Sail operator go, and kubectl waits until it has removed what it installed for them: with `foreground`, the first
/// goes after the revision that it owns, and that one after what was installed for it.
pub(crate) fn delete_resources(context: &str) -> Command {
    let words = ["delete", OF_SAIL, "-l", OURS, "--cascade=foreground", "--timeout=10m"];
    Command::kubectl(context).words(words)
}

/// The kinds of the Sail operator that meshgen states.
pub(crate) const OF_SAIL: &str = "istios.sailoperator.io,istiocnis.sailoperator.io";

/// Helm installs istiod, or the webhook and the way to the primary's. The release is called like the Service.
pub(crate) fn istiod_chart(place: Place<'_>, charts: Charts<'_>, runs_istiod: bool) -> Vec<Command> {
    let istiod = place.istiod();
    let values = place.path(ISTIO, "istiod.values.yaml");
    if !runs_istiod {
        return vec![place.helm(charts, istiod, "istiod", ISTIO_SYSTEM, &[values])];
    }
    let files = [values, place.path(ISTIO, "mesh-config.values.yaml")];
    vec![place.helm(charts, istiod, "istiod", ISTIO_SYSTEM, &files), place.wait(istiod)]
}

/// Helm installs an ordinary gateway.
pub(crate) fn gateway_chart(place: Place<'_>, charts: Charts<'_>, gateway: &str) -> [Command; 2] {
    let release = helm_releases::of_gateway(gateway);
    let file = place.path(GATEWAYS, &[gateway, ".values.yaml"].concat());
    [place.helm(charts, &release, "gateway", ISTIO_SYSTEM, &[file]), place.wait(&release)]
}

/// Helm installs the Sail operator (istio-ecosystem/sail-operator 1.30.3, `chart/README.md`).
pub(crate) fn operator(context: &str) -> Command {
    let chart =
        ["upgrade", "--install", "sail-operator", "sail-operator", "--repo", OPERATOR_CHARTS, "--version", SAIL];
    let command = Command::new("helm").words(chart).option("--kube-context", context);
    command.words(["-n", "sail-operator", "--create-namespace"])
}

/// Where the chart of the Sail operator is.
const OPERATOR_CHARTS: &str = "https://istio-ecosystem.github.io/sail-operator";

/// What the Sail operator is told.
pub(crate) fn resources(place: Place<'_>, directory: &str) -> Command {
    place.apply(&["--server-side", "--field-manager=meshgen", "--force-conflicts"], directory)
}

/// The commands for a unit; none if `install.sh` has a function of its own for it, or if it runs on nodes.
pub(crate) fn commands(what: What, place: Place<'_>, charts: Charts<'_>) -> Vec<Command> {
    let istiod = place.istiod();
    match what {
        What::Objects(directory) => vec![place.apply(&[], directory)],
        // Server-side: client-side apply would copy the private key into an annotation.
        What::Secret(directory, form) => keys::secret(directory, form, place),
        What::Collector(directory) => vec![place.apply(&[], directory), place.wait("zipkin")],
        What::Istio(_) => {
            vec![place.install(ISTIO, &["istio.yaml", "mesh-config.yaml"]), place.wait(istiod)]
        }
        What::ThinRemote(_) => vec![place.install(ISTIO, &["istio.yaml"])],
        // In a separate command, because together with istio.yaml it would replace istiod.
        What::Gateway(EGRESS_GATEWAY) => {
            vec![place.install(EGRESS_GATEWAY, &["egress-gateway.yaml"]), place.wait(egress_gateway::NAME)]
        }
        What::Gateway(_) => {
            vec![place.install(EASTWEST_GATEWAY, &["eastwest-gateway.yaml"]), place.wait(eastwest_gateway::NAME)]
        }
        // Server-side, so that objects of istioctl are taken over, and lose only what these do not say.
        What::GatewayObjects(directory) => {
            let options = ["--server-side", "--field-manager=meshgen", "--force-conflicts"];
            vec![place.apply(&options, directory), place.wait(eastwest_gateway::NAME)]
        }
        What::IstioCharts(_, plan::Charts { runs_istiod, cni }) => {
            let cni = cni.into_iter().flat_map(|namespace| cni_chart(place, charts, namespace));
            let istiod = istiod_chart(place, charts, runs_istiod);
            [base_chart(place, charts)].into_iter().chain(cni).chain(istiod).collect()
        }
        What::IstioResources(directory, plan::Charts { runs_istiod, cni }) => {
            let cni = cni.into_iter().flat_map(|namespace| wait_for_cni(place, namespace));
            [resources(place, directory)].into_iter().chain(cni).chain(wait_for_operator(place, runs_istiod)).collect()
        }
        What::GatewayCharts(_, plan::GatewayCharts { ingress, egress }) => {
            let gateways = [("ingress", ingress), ("egress", egress)];
            let gateways = gateways.into_iter().filter(|(_, is_there)| *is_there);
            gateways.flat_map(|(gateway, _)| gateway_chart(place, charts, gateway)).collect()
        }
        // install.sh waits for what it installs alone.
        What::Pushed(directory) | What::Fetched(directory) if matches!(place, Place::Script) => {
            vec![place.apply(&[], directory)]
        }
        What::Pushed(directory) => vec![place.apply(&[], directory), place.ready(directory, PUSH_FILE)],
        What::Fetched(directory) => vec![place.apply(&[], directory), place.ready(directory, STORED_SECRETS_FILE)],
        What::Script(script) if !matches!(place, Place::Script) => vec![Command::script(&place.path(script, ""))],
        What::Script(_) | What::NodeScript(_) | What::Restart => Vec::new(),
    }
}

/// Restarts what may run with an older mesh config: gateways, and workloads in some namespaces.
pub(crate) fn restarts(namespaces: &[&str], place: Place<'_>) -> Vec<Command> {
    let restart = |namespace: &str, what: &[&str]| {
        place.command("kubectl", &["-n", namespace, "rollout", "restart"]).words(what.iter().copied())
    };
    let gateways = ["deployments", "-l", "istio in (ingressgateway,egressgateway,eastwestgateway)"];
    let gateways = restart(ISTIO_SYSTEM, &gateways);
    [gateways].into_iter().chain(restart_workloads(namespaces, place)).collect()
}

/// Restarts the workloads in some namespaces.
pub(crate) fn restart_workloads(namespaces: &[&str], place: Place<'_>) -> Vec<Command> {
    let restart = |namespace: &&str| {
        let words = ["-n", namespace, "rollout", "restart", "deployments,statefulsets,daemonsets"];
        place.command("kubectl", &words)
    };
    namespaces.iter().map(restart).collect()
}

/// Prints the address of a cluster's east-west gateway.
pub(crate) fn gateway_address(place: Place<'_>) -> Command {
    let address = "jsonpath={.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}{\"\\n\"}";
    place.command("kubectl", &["-n", ISTIO_SYSTEM, "get", "service", eastwest_gateway::NAME, "-o", address])
}

/// Deletes the objects of an istioctl installation with this name, which have its labels
/// (`1.30.3:operator/pkg/install/install.go`). It keeps CRDs, because deleting one deletes all its objects.
pub(crate) fn delete_owned(context: &str, name: &str) -> Command {
    delete_labelled(context, &format!("{OWNER}={name},{OWNER}-namespace={ISTIO_SYSTEM}"))
}

/// The same for what istioctl installed of one revision of Istio.
pub(crate) fn delete_revision(context: &str, revision: &str) -> Command {
    delete_labelled(context, &format!("{OWNER}=istio,{OWNER}-namespace={ISTIO_SYSTEM},istio.io/rev={revision}"))
}

const OWNER: &str = "install.operator.istio.io/owning-resource";

/// Deletes what has labels, of all kinds that Istio's charts make.
pub(crate) fn delete_labelled(context: &str, selector: &str) -> Command {
    const KINDS: &str = "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings,\
                         deployments,daemonsets,horizontalpodautoscalers,poddisruptionbudgets,services,endpoints,endpointslices,\
                         configmaps,secrets,serviceaccounts,networkpolicies,roles,rolebindings,envoyfilters.networking.istio.io";
    Command::kubectl(context).words(["-n", ISTIO_SYSTEM, "delete", KINDS, "-l", selector])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHARTS: Charts<'static> = Charts { repository: "oci://registry.example.net/charts", version: "1.30.3" };

    #[test]
    fn each_word_is_quoted_once() {
        let command =
            Command::kubectl("admin@west's").words(["get", "secrets", "-l", "a in (b,c)"]).remark("all of it");
        assert_eq!(
            command.to_string(),
            r"kubectl --context='admin@west'\''s' get secrets -l 'a in (b,c)'   # all of it"
        );
        assert_eq!(Command::script("NEW/east/routes.sh").words(["add", ""]).to_string(), "NEW/east/routes.sh add ''");
    }

    #[test]
    fn a_page_and_the_script_say_the_same() {
        let here = Place::Terminal { cluster: "east", context: "admin@east", istiod: "istiod" };
        let said =
            |place| commands(What::Istio(ISTIO), place, CHARTS).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            said(here),
            [
                "istioctl install --context='admin@east' -y -f east/30-istio/istio.yaml -f east/30-istio/mesh-config.yaml",
                "kubectl --context='admin@east' -n istio-system rollout status deployment/istiod"
            ]
        );
        assert_eq!(
            said(Place::Loop { istiod: "istiod" }),
            [
                r#"istioctl install --context="$context" -y -f "$cluster/30-istio/istio.yaml" -f "$cluster/30-istio/mesh-config.yaml""#,
                r#"kubectl --context="$context" -n istio-system rollout status deployment/istiod"#
            ]
        );
        assert_eq!(
            said(Place::Script),
            [
                r#"istioctl install --context="$2" -y -f "$1/30-istio/istio.yaml" -f "$1/30-istio/mesh-config.yaml""#,
                r#"kubectl --context="$2" -n "$namespace" rollout status deployment/"$3" --timeout="$timeout""#
            ]
        );
    }
}

//! How private keys reach their clusters.

use crate::layout::ISTIO_SYSTEM;
use crate::topology::SecretForm;

use super::{Command, Place};

/// Brings the Secret `cacerts` to a cluster, server-side: client-side apply would copy the private key into an annotation.
pub(super) fn secret(directory: &str, form: SecretForm, place: Place<'_>) -> Vec<Command> {
    let options = ["--server-side", "--field-manager=meshgen", "--force-conflicts"];
    let apply = place.apply(&options, directory);
    let wait = |condition: &str, object: &str| {
        let words = ["-n", ISTIO_SYSTEM, "wait", condition];
        let wait = place.command("kubectl", &words);
        let timeout = if matches!(place, Place::Script) { "--timeout=\"$timeout\"" } else { "--timeout=5m" };
        wait.shell(timeout).words([object])
    };
    match form {
        SecretForm::Files => vec![apply],
        SecretForm::Sops => {
            let file = form.file().expect("SOPS has a file");
            let apply = place.command("kubectl", &[&["apply"], &options[..], &["-f", "-"]].concat());
            if matches!(place, Place::Script) {
                return vec![apply.shell("<<<\"$secret\"")];
            }
            let decrypt = Command::new("sops").words(["decrypt"]).shell(&place.path(directory, file));
            vec![decrypt.shell("|").shell(&apply.to_string())]
        }
        SecretForm::SealedSecrets => vec![apply, wait("--for=condition=Synced", "sealedsecrets.bitnami.com/cacerts")],
        SecretForm::ExternalSecrets => {
            vec![apply, wait("--for=condition=Ready", "externalsecrets.external-secrets.io/cacerts")]
        }
    }
}

/// The Secret with the age identities that Flux decrypts with, in its namespace.
pub(crate) const IDENTITIES: &str = "sops-age";

/// Gives a Flux the age identities of a file, in the place of those that it had. Flux reads keys whose name ends in `.agekey`
/// (fluxcd/kustomize-controller v1.9.4, `docs/spec/v1/kustomizations.md`).
pub(crate) fn give_identities(kubectl: &Command, namespace: &str, owner: Option<&str>) -> Command {
    let kubectl = || kubectl.clone().words(["-n", namespace]);
    let file = format!("--from-file={}.agekey", owner.unwrap_or("age"));
    let words = ["create", "secret", "generic", IDENTITIES, &file, "--dry-run=client", "-o", "yaml"];
    let apply = kubectl().words(["apply", "-f", "-"]);
    kubectl().words(words).shell("|").shell(&apply.to_string())
}

use crate::layout::{CACERTS, KEY};
use crate::plan::Plan;

/// Keeps private keys out of Git.
pub(super) fn ignored(plan: &Plan<'_, '_>) -> String {
    let keys = format!("# Private keys: whoever has the mesh's seed builds them again.\n*/{CACERTS}/{KEY}\n\n");
    let others = "# Credentials on their way from one terminal to another.\nremote-secret-*.yaml\n\n\
                  # What a build that was killed leaves behind; the next one removes it.\n.meshgen-*\n";
    if plan.has(CACERTS) { keys + others } else { others.to_owned() }
}

/// Keeps line ends as they are, and folds generated files in reviews.
pub(super) fn attributes(plan: &Plan<'_, '_>) -> String {
    let secret = plan.mesh.secrets.form.file().filter(|_| plan.has(CACERTS));
    let secret = secret.map(|file| format!("{file} -linguist-generated\n")).unwrap_or_default();
    "# The bytes are pinned in meshgen.lock: nothing converts them, neither line ends nor anything else.\n\
     * -text -ident -filter -working-tree-encoding -export-subst -export-ignore\n\
     # Of two branches the lock keeps the lines of both, and the next build makes it whole: it knows its files by either.\n\
     meshgen.lock merge=union\n\
     # Generated: reviews fold these files, and read `meshgen diff` and what stays open: what is trusted and what is run.\n\
     * linguist-generated=true\n\
     README.md -linguist-generated\n\
     meshgen.lock -linguist-generated\n\
     *.pem -linguist-generated\n\
     *.sh -linguist-generated\n"
        .to_owned()
        + &secret
}

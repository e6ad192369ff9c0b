//! A standing ciphertext stays as it is, or is refused: without the private key, nothing else of its file may be another's.

use std::str::FromStr;
use std::sync::LazyLock;

use meshgen::layout::bundle_path;
use meshgen::lock::{self, Digest, Lock};
use meshgen::pki::{Authority, Seed, Seeds, Standing};
use meshgen::source::Source;
use meshgen::tree::Tree;
use zeroize::Zeroizing;

use super::Answer;

const SEALING: &[u8] = include_bytes!("../../../tests/seal/cluster1.pem");

/// A mesh, its tree, and the file that has the ciphertext of its cluster.
struct Mesh {
    source: Source,
    tree: Tree,
    file: String,
}

impl Mesh {
    fn of(secrets: &str, own: &str, file: &str) -> Self {
        let text = format!(
            "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: 1.30.3}}\n\
             certificates: {{issuedOn: 2026-11-01}}\nsecrets: {secrets}\nnetworks: [{{name: lan}}]\nclusters:\n  \
             - {{name: east, network: lan, apiServer: 'https://10.0.0.1:6443', secrets: {own}}}\n"
        );
        let source = meshgen::with_files(Source::new("mesh.yaml", text), |_| Ok(SEALING.to_vec()));
        let tree = meshgen::compile(&source, &Authority::from(Seed::new([7; 32]))).unwrap().tree;
        Self { source, tree, file: bundle_path("east", file) }
    }
}

static MESHES: LazyLock<[Mesh; 2]> = LazyLock::new(|| {
    let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let other = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    [
        Mesh::of(
            &format!("{{form: sops, ageRecipients: [{recipient}]}}"),
            &format!("{{ageRecipients: [{other}]}}"),
            "cacerts.sops.yaml",
        ),
        Mesh::of("{form: sealedSecrets}", "{sealingCertificate: seal.pem}", "cacerts.sealed.yaml"),
    ]
});

/// The files that inputs are made from.
pub(crate) fn files() -> Vec<Vec<u8>> {
    MESHES.iter().map(|mesh| mesh.tree.get(&mesh.file).unwrap().bytes.clone()).collect()
}

/// Builds each mesh without its seed, where the input stands, and where the lock says so.
pub(super) fn answer(bytes: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(bytes) else { return Answer::refused(1) };
    let mut taken = 0;
    for Mesh { source, tree, file } in MESHES.iter() {
        let mut record = Lock::from_str(std::str::from_utf8(&tree.get(lock::FILE).unwrap().bytes).unwrap()).unwrap();
        let line = record.files.iter_mut().find(|(path, _)| path == file).expect("the lock lists it");
        line.1 = Digest::of(bytes);
        let pem = tree.iter().filter(|(path, _)| path.rsplit_once('.').is_some_and(|(_, end)| end == "pem"));
        let standing = pem.map(|(path, file)| (path.to_owned(), String::from_utf8(file.bytes.clone()).unwrap()));
        let standing =
            standing.chain([(file.clone(), text.to_owned())]).map(|(path, text)| (path, Zeroizing::new(text)));
        match meshgen::compile(source, &Authority::Seeds(Seeds::default(), Standing::new("out", record, standing))) {
            Err(findings) => assert!(!findings.is_empty(), "refused without a word"),
            Ok(compiled) => {
                assert_eq!(compiled.tree.get(file).unwrap().bytes, bytes, "what stands is emitted otherwise");
                taken += 1;
            }
        }
    }
    Answer::refused(usize::from(taken == 0))
}

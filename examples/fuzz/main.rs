//! Gives all that meshgen reads inputs that nobody would write: topologies, locks, journals, seeds and certificates (`make fuzz`).
//!
//! Each input must be answered as `answer` says: no panic, at most 100 ms of processor time for what is up to 64 KiB,
//! at most 1 GiB of memory. An input depends on the seed and its number only; `fuzz FILE…` answers files instead, each as the
//! end of its name says. `MESHGEN_FUZZ_SECONDS` (60), `MESHGEN_FUZZ_EXECUTIONS` (no limit), `MESHGEN_FUZZ_SEED` (of the clock),
//! `MESHGEN_FUZZ_FROM` (0, the number of the first input), `MESHGEN_FUZZ_MILLISECONDS` (100) and `MESHGEN_FUZZ_TARGET` (all in
//! turn; the end of a file's name, such as `pem`) choose another run.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a tool of the tests reads and writes files, measures time, prints, and fails where something does"
)]

use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};

use answer::{Answer, Target};
use input::{Corpus, Input, MAXIMUM_BYTES, Made};

mod answer;
mod bundles;
mod corpus;
mod damage;
mod der;
#[path = "../../tests/integration/generator/mod.rs"]
#[expect(dead_code, reason = "only the tests ask for what was meant")]
mod generator;
mod growth;
mod input;
mod lines;
mod tree;

/// The milliseconds of processor time that an input may take on a machine that has nothing else to do.
const MILLISECONDS: u64 = 100;
/// The address space that all of it may take.
const MAXIMUM_MEMORY: u64 = 1 << 30;
/// An input that takes longer hangs.
const HANGING: Duration = Duration::from_secs(30);
/// Of so many inputs of a kind one is emitted, if it is right.
const EMITTED: u64 = 8;
/// How often a run says how far it is.
const MINUTE: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    match files.as_slice() {
        [] => supervise(),
        [word] if word == "worker" => work(),
        files => replay(files),
    }
}

/// What a run was told by its environment.
struct Run {
    seconds: u64,
    executions: u64,
    seed: u64,
    from: u64,
    /// What alone is fuzzed.
    target: Option<Target>,
    /// The processor time that an input may take here: who shares a machine has less of it in the same time.
    maximum_time: Duration,
}

impl Run {
    fn read() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Self {
            seconds: variable("SECONDS").unwrap_or(60),
            executions: variable("EXECUTIONS").unwrap_or(u64::MAX),
            seed: variable("SEED").unwrap_or(clock),
            from: variable("FROM").unwrap_or(0),
            target: std::env::var("MESHGEN_FUZZ_TARGET").ok().map(|name| target(&name)),
            maximum_time: Duration::from_millis(variable("MILLISECONDS").unwrap_or(MILLISECONDS)),
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(format!("MESHGEN_FUZZ_{name}")).ok()?;
    Some(u64::from_str(&value).unwrap_or_else(|_| panic!("MESHGEN_FUZZ_{name} is a number, not {value}")))
}

fn target(name: &str) -> Target {
    let found = Target::ALL.into_iter().find(|target| target.extension() == name);
    found.unwrap_or_else(|| panic!("MESHGEN_FUZZ_TARGET is yaml, lock, journal, seed or pem, not {name}"))
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where inputs are written that were not answered as they must be.
fn found() -> PathBuf {
    repository().join("target/fuzz")
}

/// Runs a worker of its own: what cannot be caught, an endless loop or a stack that overflows, ends that and not the report.
fn supervise() -> ExitCode {
    let run = Run::read();
    fs::create_dir_all(found()).unwrap();
    println!("seed {}", run.seed);
    let position = found().join(format!("position-{}", std::process::id()));
    fs::write(&position, [0; 8]).unwrap();
    let worker = Command::new(std::env::current_exe().unwrap())
        .arg("worker")
        .env("MESHGEN_FUZZ_SEED", run.seed.to_string())
        .env("MESHGEN_FUZZ_POSITION", &position)
        .spawn()
        .unwrap();
    let ended = wait(worker, &position);
    let number = u64::from_le_bytes(fs::read(&position).unwrap().try_into().unwrap());
    fs::remove_file(&position).unwrap();
    if let Some(code @ 0..=1) = ended {
        return ExitCode::from(code);
    }
    let input = Corpus::read().input(run.seed, number, run.target);
    println!("input {number} ended the program, or did not end");
    println!("written to {}", keep("crash", &input).display());
    ExitCode::FAILURE
}

/// How a worker ended; none where it had to be ended, or was by a signal.
fn wait(mut worker: Child, position: &Path) -> Option<u8> {
    let mut last = (Vec::new(), Instant::now());
    loop {
        if let Some(status) = worker.try_wait().unwrap() {
            return status.code().and_then(|code| u8::try_from(code).ok());
        }
        let now = fs::read(position).unwrap();
        if now != last.0 {
            last = (now, Instant::now());
        } else if last.1.elapsed() > HANGING {
            worker.kill().unwrap();
            worker.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    /// Of each target, how many inputs were answered, and how many of them were right.
    executions: [(u64, u64); Target::ALL.len()],
    grown: u64,
    findings: u64,
    slowest: Duration,
    slowest_number: u64,
    failures: u64,
}

fn work() -> ExitCode {
    let run = Run::read();
    setrlimit(Resource::RLIMIT_AS, MAXIMUM_MEMORY, MAXIMUM_MEMORY).unwrap();
    catch_messages();
    let position = File::options().write(true).open(std::env::var("MESHGEN_FUZZ_POSITION").unwrap()).unwrap();
    let corpus = Corpus::read();
    let started = Instant::now();
    let mut told = Duration::ZERO;
    let mut seen = Seen::default();
    for number in run.from..run.from.saturating_add(run.executions) {
        let elapsed = started.elapsed();
        if elapsed.as_secs() >= run.seconds || seen.failures >= 20 {
            break;
        }
        if elapsed > told + MINUTE {
            told = elapsed;
            println!("{}", seen.summary(number - run.from, elapsed));
        }
        position.write_all_at(&number.to_le_bytes(), 0).unwrap();
        let input = corpus.input(run.seed, number, run.target);
        let Input { target, made, bytes } = &input;
        let (count, right) = &mut seen.executions[*target as usize];
        *count += 1;
        seen.grown += u64::from(*made == Made::Growth);
        let begin = Instant::now();
        // What is right is emitted now and then: that takes longer than all else.
        let answer = caught(&input, *count % EMITTED == 0);
        let took = begin.elapsed();
        match answer {
            Ok(answer) => {
                seen.findings += answer.findings as u64;
                *right += u64::from(!answer.has_errors);
            }
            Err(fault) => {
                seen.failures += 1;
                let shrunk = shrink(&input, &fault);
                println!("input {number} ({target:?}, {made:?}): {fault}");
                println!("shrunk to {} bytes: {}", shrunk.bytes.len(), String::from_utf8_lossy(&shrunk.bytes));
                println!("written to {}", keep("panic", &shrunk).display());
            }
        }
        // The clock counts what others do meanwhile: who seems slow is measured again, by the processor's time.
        if took > seen.slowest.max(Duration::from_millis(2)) {
            let took = processor_time(&input);
            if took > seen.slowest {
                (seen.slowest, seen.slowest_number) = (took, number);
            }
            if took > run.maximum_time {
                seen.failures += 1;
                println!("input {number} ({target:?}, {made:?}, {} bytes) takes {} ms", bytes.len(), took.as_millis());
                println!("written to {}", keep("slow", &input).display());
            }
        }
    }
    let count = seen.executions.iter().map(|(count, _)| count).sum();
    println!("{}", seen.summary(count, started.elapsed()));
    ExitCode::from(u8::from(seen.failures > 0))
}

impl Seen {
    fn summary(&self, count: u64, elapsed: Duration) -> String {
        let peak = getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss() / 1024;
        let mut line = format!("{count} executions in {} s", elapsed.as_secs());
        for (target, (count, right)) in Target::ALL.into_iter().zip(self.executions) {
            write!(line, ", {count} {} ({right} right)", target.extension()).unwrap();
        }
        write!(line, ", {} grown, {} findings", self.grown, self.findings).unwrap();
        write!(line, ", slowest {:.1} ms (input {})", self.slowest.as_secs_f64() * 1e3, self.slowest_number).unwrap();
        write!(line, ", peak memory {peak} MiB, {} failures", self.failures).unwrap();
        line
    }
}

/// The answer, or what the panic said that came in its place.
fn caught(input: &Input, is_whole: bool) -> Result<Answer, String> {
    let answered = panic::catch_unwind(AssertUnwindSafe(|| input.target.answer(&input.bytes, is_whole)));
    answered.map_err(|_| MESSAGE.lock().unwrap().clone())
}

/// What the last panic said, and where.
static MESSAGE: Mutex<String> = Mutex::new(String::new());

fn catch_messages() {
    panic::set_hook(Box::new(|info| *MESSAGE.lock().unwrap() = info.to_string()));
}

/// The least processor time of three runs.
fn processor_time(input: &Input) -> Duration {
    let used = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        let micros = |time: nix::sys::time::TimeVal| {
            Duration::from_secs(time.tv_sec().cast_unsigned()) + Duration::from_micros(time.tv_usec().cast_unsigned())
        };
        micros(usage.user_time()) + micros(usage.system_time())
    };
    let runs = (0..3).map(|_| {
        let begin = used();
        let _ = std::hint::black_box(caught(input, false));
        used().saturating_sub(begin)
    });
    runs.min().unwrap()
}

/// Takes out parts for as long as what is left fails in the same place.
fn shrink(input: &Input, fault: &str) -> Input {
    // A panic's first line says where it is.
    let place = |fault: &str| fault.lines().next().unwrap_or_default().to_owned();
    let mut bytes = input.bytes.clone();
    let (mut length, mut tries) = (bytes.len() / 2, 0);
    while length > 0 {
        let mut at = 0;
        while at < bytes.len() && tries < 20_000 {
            tries += 1;
            let end = (at + length).min(bytes.len());
            let shorter = Input { bytes: [&bytes[..at], &bytes[end..]].concat(), ..*input };
            if caught(&shorter, true).is_err_and(|other| place(&other) == place(fault)) {
                bytes = shorter.bytes;
            } else {
                at = end;
            }
        }
        length /= 2;
    }
    Input { bytes, ..*input }
}

/// Writes an input that was not answered as it must be.
fn keep(kind: &str, input: &Input) -> PathBuf {
    let digest = input.bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    fs::create_dir_all(found()).unwrap();
    let path = found().join(format!("{kind}-{digest:016x}.{}", input.target.extension()));
    fs::write(&path, &input.bytes).unwrap();
    path
}

/// Answers files, and says how long that takes.
fn replay(files: &[String]) -> ExitCode {
    let maximum_time = Run::read().maximum_time;
    catch_messages();
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let bytes = fs::read(file).unwrap();
        let input = Input { target: Target::of(Path::new(file)), made: Made::Bytes, bytes };
        let length = input.bytes.len();
        let (fault, time) = match caught(&input, true) {
            Ok(answer) => (format!("{} findings", answer.findings), processor_time(&input)),
            Err(fault) => {
                code = ExitCode::FAILURE;
                (fault, Duration::ZERO)
            }
        };
        println!("{file}: {length} bytes, {:.1} ms, {fault}", time.as_secs_f64() * 1e3);
        if length <= MAXIMUM_BYTES && time > maximum_time {
            code = ExitCode::FAILURE;
        }
    }
    code
}

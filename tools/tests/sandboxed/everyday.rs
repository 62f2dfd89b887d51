//! Ordinary work that has to go on inside, however tight the sandbox is.

use crate::room::Room;

/// What a command prints, and the program without which a machine cannot run it.
const WORK: &[(&str, &str, &str)] = &[
    (
        "python3",
        "python3 -c 'import ssl, sqlite3, lzma, zoneinfo, decimal; d = sqlite3.connect(\"a.db\"); d.execute(\"create table t (x)\"); d.execute(\"insert into t values (7)\"); d.commit(); print(d.execute(\"select x from t\").fetchone()[0], ssl.create_default_context().verify_mode.name)'",
        "7 CERT_REQUIRED",
    ),
    (
        "python3",
        "cat > pool.py <<'P'\nimport multiprocessing, concurrent.futures, subprocess, asyncio\ndef square(x): return x * x\nasync def run():\n    p = await asyncio.create_subprocess_exec('echo', 'child', stdout=subprocess.PIPE)\n    return (await p.communicate())[0].decode().strip()\nif __name__ == '__main__':\n    with multiprocessing.Pool(3) as pool: print(pool.map(square, [1, 2, 3]))\n    with concurrent.futures.ThreadPoolExecutor(4) as pool: print(sum(pool.map(square, range(9))))\n    q = multiprocessing.get_context('spawn').Queue(); q.put('queue'); print(q.get(), asyncio.run(run()))\nP\npython3 pool.py",
        "[1, 4, 9]\n204\nqueue child",
    ),
    (
        "python3",
        "python3 - <<'P'\nfrom multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=1000); m.buf[0] = 5; print(m.buf[0]); m.close(); m.unlink()\nP",
        "5",
    ),
    (
        "python3",
        "python3 -m http.server 8099 --bind 127.0.0.1 > log 2>&1 & echo served > page; python3 - <<'P'\nimport time, urllib.request\nfor _ in range(200):\n    try: print(urllib.request.urlopen('http://127.0.0.1:8099/page').read().decode().strip()); break\n    except OSError: time.sleep(0.02)\nP",
        "served",
    ),
    (
        "curl",
        "python3 -m http.server 8098 --bind 127.0.0.1 > log 2>&1 & echo fetched > page; until curl -sS http://localhost:8098/page 2>/dev/null; do sleep 0.02; done",
        "fetched",
    ),
    (
        "git",
        "git init -q one && cd one && git config user.name n && git config user.email e@example.com && echo x > f && git add f && git commit -qm first && cd .. && git clone -q one two && git -C two log --format=%s && git -C one gc -q && git -C one status --short",
        "first",
    ),
    (
        "gzip",
        "mkdir -p in && echo text > in/f && tar czf a.tgz in && rm -r in && tar xzf a.tgz && cat in/f && gzip -k in/f && gunzip -c in/f.gz",
        "text\ntext",
    ),
    (
        "unzip",
        "python3 -c 'import zipfile; zipfile.ZipFile(\"z.zip\", \"w\").writestr(\"in/z\", \"zipped\")' && unzip -q z.zip && cat in/z",
        "zipped",
    ),
    (
        "cc",
        "printf '#include <stdio.h>\\n#include <pthread.h>\\nstatic void *f(void *a) { puts(\"thread\"); return a; }\\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_join(t, 0); return 0; }\\n' > m.c && printf 'm: m.c\\n\\tcc -O1 -pthread -o m m.c\\n' > Makefile && make -s && ./m",
        "thread",
    ),
    (
        "node",
        "node -e 'const { Worker } = require(\"worker_threads\"); new Worker(\"require(\\\"worker_threads\\\").parentPort.postMessage(6 * 7)\", { eval: true }).on(\"message\", m => console.log(m, require(\"os\").hostname()))'",
        "42 sandbox",
    ),
    (
        "bash",
        "exec 2>/dev/null; sleep 30 & kill %1; wait %1; echo $?; set -m; (exit 3) & wait $!; echo $?; trap 'echo trapped' USR1; kill -USR1 $$; cat <(echo substituted)",
        "143\n3\ntrapped\nsubstituted",
    ),
    (
        "locale",
        "locale charmap; printf 'é' | wc -m; mktemp -p /tmp > name; test -f $(cat name) && stat -fc %T /tmp",
        "UTF-8\n1\ntmpfs",
    ),
    (
        "find",
        "mkdir -p t/u && touch -d '2001-02-03 04:05:06 UTC' t/u/f && chmod 640 t/u/f && find t -type f -printf '%m %TY\\n' && cp -a t v && rsync --version > /dev/null 2>&1; ls v/u; seq 5 | xargs -P 3 -n 1 echo | sort | tr -d '\\n'",
        "640 2001\nf\n12345",
    ),
    (
        "perl",
        "perl -e 'use Socket; socket(S, PF_INET, SOCK_STREAM, getprotobyname(\"tcp\") || 6) or die; print fork() ? \"parent\\n\" : \"\"'; wait",
        "parent",
    ),
    (
        "script",
        "script -qec 'test -t 1 && echo terminal' /dev/null | tr -d '\\r'",
        "terminal",
    ),
];

#[tokio::test]
async fn programs_that_people_use_work_inside() {
    let room = Room::new().await;
    let (mut worked, mut failed) = (0, Vec::new());
    for (program, command, printed) in WORK {
        if !room.shell(&format!("command -v {program}")).await.ok {
            println!("this machine has no {program}");
            continue;
        }
        let outcome = room.shell(&format!("{command}\nrm -rf /workspace/*")).await;
        let seen = outcome
            .content
            .split_once("--- stdout\n")
            .map(|(_, text)| text);
        if seen == Some(*printed) {
            worked += 1;
        } else {
            failed.push(format!("{command}: {}", outcome.content));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(worked >= 8, "{worked}");
}

/// Makes a wheel by hand, as no package can be fetched.
const WHEEL: &str = r#"
import zipfile
with zipfile.ZipFile('small-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('small.py', 'word = "installed"\n')
    wheel.writestr('small-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\nName: small\nVersion: 1.0\n')
    wheel.writestr('small-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr('small-1.0.dist-info/RECORD', 'small.py,,\nsmall-1.0.dist-info/METADATA,,\nsmall-1.0.dist-info/WHEEL,,\nsmall-1.0.dist-info/RECORD,,\n')
"#;

#[tokio::test]
async fn a_package_of_the_workspace_can_be_installed_into_it() {
    let room = Room::new().await;
    if !room.shell("python3 -m pip --version").await.ok {
        println!("this machine's python3 has no pip");
        return;
    }
    let command = format!(
        "python3 - <<'P'\n{WHEEL}P\npython3 -m pip install -q --no-index --target lib ./small-1.0-py3-none-any.whl 2>/dev/null && PYTHONPATH=lib python3 -c 'import small; print(small.word)'"
    );
    assert_eq!(room.prints(&command).await, "installed");
}

"""Words of the command line that make no sense, for every verb: what was found, and what to do, in a sentence."""

from __future__ import annotations

import difflib
import re
import subprocess
from pathlib import Path

import pytest

from robustill.cli import VERBS
from tests.cli.world import DATA, Refused, in_a_copy, refused, world
from tests.small import command, environment, flags, process

__all__ = ["in_a_copy", "refused", "world"]  # fixtures

RUN, TEACHER = "runs/done", ["teacher", "check", "run:runs/done", "--data", DATA]
PGD = "PGD(budget=Linf(8/255), step_size=2/255, steps={})"
NAMES = "an attack named clean or pgdN, such as pgd20. Found: "

SETTINGS = [
    ("--epochs", "99999999999999999999", "epochs must be at most 1000000. Found: 9999"),
    ("--epochs", "-3", "epochs must be at least 1. Found: -3."),
    ("--epochs", "", "epochs must be a whole number. Found: ''."),
    ("--batch_size", "0", "batch_size must be at least 1. Found: 0."),
    ("--batch_size", "1" + "0" * 20, "batch_size must be at most"),
    ("--seed", "-1", "seed must be at least 0. Found: -1."),
    ("--seed", "9223372036854775808", "seed must be at most 9223372036854775807. Found: 9223372036854775808."),
    ("--threads", "100000", "threads must be at most 1024. Found: 100000."),
    ("--image_size", "1000000", "`image_size` must be a number of pixels, 1 to 8192; found 1000000."),
    ("--precision", "float16", "precision must be one of auto, float32, bfloat16. Found: float16."),
    ("--precision", "", "precision must be one of auto, float32, bfloat16. Found: ''."),
    ("--data.size", "32", "data must be a text. Found: --data.size."),
    ("--student.width", "32", "student must be a text or null. Found: --student.width."),
    ("--output", "", "output needs a value. Found: ''."),
    ("--recipe", "nosuch", "recipe must name a cell of the paper's tables, or be null. Found: 'nosuch'."),
    ("--optimizer", "SGD(lr=nan)", "optimizer: Numbers must be real and finite. Found: nan."),
    ("--optimizer", "SGD(lr=9**9**9)", "optimizer: A power is out of range: a base of at most 1e6"),
    ("--optimizer", "SGD(lr=10**60*10**300)", "optimizer: .*(out of range|real and finite)"),
    ("--optimizer", "Adam()", "optimizer: No component is called 'Adam'. Did you mean"),
    ("--clip", "nan", "clip must be a number or null. Found: nan."),
    ("--label_smoothing", "1", r"label_smoothing must be in \[0, 1\). Found: 1.0."),
    ("--attack", PGD.format("10**9"), "PGD requires at most 100000 steps. Found: steps=1000000000."),
    ("--attack", PGD.format(0), "PGD requires at least 1 step. Found: steps=0."),
    ("--attack", "pgd20", "attack: No component is called 'pgd20'. Known: Clean, FGSM, PGD"),
    ("--attack", "PGD(budget=8/255, step_size=2/255)", "field 'budget' requires a Budget. Found: 0.03"),
    ("--attack", "Square(budget=Linf(8/255))", "Required: a Attack. Found: 'Square.*Known: Clean, FGSM, PGD"),
    ("--method", "пгдат()", "method: No component is called 'пгдат'. Known: AKD, "),
    (
        "--method",
        "PGDAT(scale=wat)",
        "method: No component is called 'wat'. See robustill list methods, attacks and mod",
    ),
    ("--method", "PGDAT()\x1b[31m", r"method: Cannot read 'PGDAT\(\)\\x1b\[31m' as an expression such as 'Name"),
    ("--method", "PGDAT()\nseed: 3", r"method: Cannot read 'PGDAT\(\)\\nseed: 3' as an expression"),
    ("--method", "<script>alert(1)</script>", "method: Cannot read '<script>.*' as an expression such as"),
    ("--method", "(" * 5000, r"method: Cannot read '\(+\.\.\.\(+' as an expression such as"),
    ("--method", "PGDAT" + " + IGDM(alpha=1)" * 3000, "method: Cannot read .*deeply|method: Cannot read 'PGDAT"),
    ("--student", "SmallCNN(width=100000000)", r"at most 1e\+10 parameters. Found: .* in SmallCNN.* smaller width"),
    ("--student", "WideResNet(depth=60000004)", "needs a depth of 10, .* up to 1000; found depth=60000004"),
    ("--student", "", "student needs a value. Found: ''."),
    ("--data", "", "data needs a value. Found: ''."),
    ("--data", "npz:", "Write `npz:PATH` to load a numpy archive.*found `npz:`"),
    ("--data", "demo:x", "Write `demo` to load .*; found `demo:x`"),
    ("--data", "runs", "found `runs`. Did you mean `folder:runs`?"),
    ("--data", "https://example.org/x.npz", "A dataset must be one of .*; found `https://example.org/x.npz`."),
    ("--data", "npz:" + "a" * 5000, r"aaa\.\.\.aaa\S*: File name too long|There is no file a+\.\.\.a+"),
    ("--data", "hf:x?nome=y", r"After the question mark of hf: may be name .*; found 'nome'"),
    ("--extra", "folder:x", "Extra images must be given as npz:PATH.*; found `folder:x`"),
    ("--extra", DATA, "must hold the arrays image, label; image, label missing, found x_train"),
    ("--teacher", "", "teacher needs a value. Found: ''."),
    ("--teacher", "run:runs", "runs has no finished epoch: checkpoints/best and checkpoints/last are missing."),
    ("--teacher", "hf:x", "A network of the hub is written hf:OWNER/NAME .* Found: 'hf:x'"),
    ("--teacher", "py:os", "A teacher of your own is written py:pkg.mod:function. Found: 'py:os'."),
    (
        "--teacher",
        "py:os:system",
        r"py:os:system must return a network .* without arguments. Found: it fails \(TypeErr",
    ),
    ("--teacher", "file:d.npz", "d.npz has no config.json .* say what network it holds: file:d.npz.architecture=NAME"),
    ("--teacher", "robustbench:cifar10/Nobody", "No preset is called 'cifar10/Nobody'. .* loads with file:PATH"),
    ("--natural_teacher", "demo", r"PGDAT\(\) takes no second teacher. Found: natural_teacher=demo."),
]


@pytest.mark.parametrize(
    ("flag", "value", "message"), SETTINGS, ids=[f"{i}{case[0]}" for i, case in enumerate(SETTINGS)]
)
def test_a_setting_of_train(flag: str, value: str, message: str, refused: Refused) -> None:
    refused(["train", *flags(DATA), "--output", "runs/new", flag, value], message)


WORDS = [
    (["evaluate", RUN, "--batch_size", "1" + "0" * 20], "batch_size must be at most"),
    (["evaluate", RUN, "--seed", "-1"], "seed must be at least 0. Found: -1."),
    (["evaluate", RUN, "--threads", "-2"], "threads must be at least 1. Found: -2."),
    (["evaluate", RUN, "--budget", "8/255"], "Required: a Budget. Found: '8/255'. Known: L1, L2, Linf."),
    (["evaluate", RUN, "--budget", "x"], "No component is called 'x'. Known: L1, L2, Linf."),
    (["evaluate", RUN, "--attacks", "pgd0"], f"{NAMES}'pgd0'. Others: apgd-ce"),
    (["evaluate", RUN, "--attacks", "autoattak"], f"{NAMES}'autoattak'. Others: .*autoattack"),
    (["evaluate", RUN, "--attacks", "clean,,pgd20"], f"{NAMES}''"),
    (["evaluate", RUN, "--attacks", "pgd20@8/255"], "Required: a Budget. Found: '8/255'. Known: L1, L2, Linf."),
    (
        ["evaluate", RUN, "--attacks", "os:getcwd"],
        r"os:getcwd must take \(model, x, y\), .* Found: it fails \(TypeError",
    ),
    (["evaluate", RUN, "--measures", ""], "measures needs a value. Found: ''."),
    (["evaluate", ""], "target needs a value. Found: ''."),
    (["evaluate", "\x1b[31mx"], r"Found: \\x1b\[31mx, which does not exist."),
    (["evaluate", RUN, "extra"], "Nothing is known of 'extra'. See robustill evaluate --help."),
    (["report", RUN, "-o", ""], "output needs a value. Found: ''."),
    (
        ["report", RUN, "-o", "runs"],
        "runs must be a file, and is a folder. Name a file in it, such as runs/result.json.",
    ),
    (["report", RUN, "-o"], "-o/--output needs a value. Found: none."),
    (["report", "x\ny"], r"A report needs run directories.* does not exist. Name a directory"),
    (["audit"], "Missing: target. Usage: robustill audit RUN"),
    (["audit", "nowhere"], "Required: a run with a finished epoch.* Found: nowhere, which does not exist."),
    (["audit", RUN, "--samples", "0"], "--samples must be at least 1. Found: 0."),
    (["audit", RUN, "--seed", "-1"], "seed must be at least 0. Found: -1."),
    (["audit", RUN, "--budget", "Linf(8)"], r"Found: 8. Did you mean Linf\(8/255\)\?"),
    (["audit", RUN, "--output", "runs"], "runs must be a file, and is a folder. Name a file in it"),
    (
        ["audit", RUN, "--output", "d.npz/audit.json"],
        "d.npz/audit.json must lie in a folder; .*d.npz is a file. Name an",
    ),
    (["audit", "py:os:getcwd"], "py:os:getcwd is no run that names its data. Give --data"),
    (["audit", "demo", "--data", DATA], "Found: 10 classes in demo, 4 in npz:d.npz. Choose a network"),
    (["cost", "RSLAD()", "--progress", "0"], r"--progress must lie in \(0, 1\], .* Found: 0.0."),
    (["cost", "RSLAD()", "--teacher_ratio", "nan"], "teacher_ratio must be a number. Found: nan."),
    (["cost", "RSLAD()", "--teacher", "demo"], "takes two networks, --teacher and --student. Found: --teacher alone."),
    (["cost", ""], "method needs a value. Found: ''."),
    (["cost", "RSLAD()", "--attack", PGD.format(10**9)], "PGD requires at most 100000 steps. Found: steps=1000000000."),
    (["list", "methods", "x"], "The list must be one of methods, .* Found: methods x."),
    (["demo", "--seeds", "0"], "--seeds must be at least 1. Found: 0."),
    (["demo", "--seeds", "1000000"], "--seeds must be at most 1000. Found: 1000000."),
    (["demo", "--jobs", "0"], "--jobs must be at least 1. Found: 0."),
    (["demo", "--term", "x"], "No component is called 'x'. Known: .*IGDM"),
    (
        ["demo", "--term", "RSLAD()"],
        r"what a method takes with \+, such as IGDM\(alpha=10\). Found: RSLAD\(\), a method.",
    ),
    (
        ["demo", "--output", RUN],
        "runs/done must be new or empty. Found: files in it. Name another directory with --output.",
    ),
    (["demo", "--output", RUN, "--overwrite"], "replaces only what the same command made. .* Remove it yourself"),
    (["doctor", "x"], "Nothing is known of 'x'. See robustill doctor --help."),
    (["doctor", "--output"], "--output needs a value. Found: none."),
    (["data"], "Missing: data. Usage: robustill data check DATA"),
    (["data", "check", "folder:~nobody-here/x"], "~ must be a home that this machine knows. Found: ~nobody-here/x."),
    (["data", "chek", "demo"], "The action must be check, as in robustill data check demo. Found: 'chek'."),
    (["data", "check", DATA, "--json", "runs"], "runs must be a file, and is a folder. Name a file in it"),
    (["data", "check", DATA, "--json", ""], "json needs a value. Found: ''."),
    (["data", "check", "cifar10:nowhere"], "There is no CIFAR-10 in nowhere; looked for: .* Get it from"),
    (["data", "check", "fashion-mnist:runs"], "There is no Fashion-MNIST in runs; looked for: .* Get it from"),
    (["teacher", "check", "demo"], "Missing: data. Usage: robustill teacher check TEACHER --data DATA"),
    (["teacher", "chek"], "The action must be check, as in robustill teacher check demo --data demo. Found: 'chek'."),
    ([*TEACHER, "--samples", "0"], "A sample must have between 1 and all 40 images of the split; asked for 0."),
    ([*TEACHER, "--batch_size", "0"], "batch_size must be at least 1. Found: 0."),
    ([*TEACHER, "--seed", "-1"], "seed must be at least 0. Found: -1."),
    (["sweep"], "Missing: file. Usage: robustill sweep FILE"),
    (["sweep", "nowhere.yaml"], "must be a readable YAML file. Found: nowhere.yaml"),
    (["sweep", "runs"], r"must be a readable YAML file. Found: runs \(Is a directory\)."),
]


@pytest.mark.parametrize(("words", "message"), WORDS, ids=[f"{i}-{case[0][0]}" for i, case in enumerate(WORDS)])
def test_words_of_another_verb(words: list[str], message: str, refused: Refused) -> None:
    refused(words, message)


SWEEP = [
    ([], "evaluate: {attacks: [nope]}", f"s.yaml: evaluate: Required: {NAMES}'nope'"),
    ([], "evaluate: {attacks: clean}", r"s.yaml: evaluate: attacks must be a list, such as \[clean, pgd20\]. Found"),
    ([], "evaluate: {budget: Linf(8)}", r"s.yaml: evaluate: .*Found: 8. Did you mean Linf\(8/255\)\?"),
    ([], "evaluate: {samples: -1}", "s.yaml: evaluate: samples must be at least 1. Found: -1."),
    ([], "evaluate: {seed: yes}", "s.yaml: evaluate: seed must be a whole number. Found: True."),
    (
        [],
        f"runs: {[{'epochs': n} for n in range(1, 102)]}".replace("'", ""),
        "at most 10,000 points. Found: 10,100. Sh",
    ),
    (["--jobs", "0"], "", "--jobs must be at least 1. Found: 0."),
    (["--retries", "-1"], "", "--retries must be at least 0. Found: -1."),
    (["--ray", "auto", "--cpus", "0"], "", "--cpus must be at least 1. Found: 0."),
    (["--ray", "auto", "--gpus", "-1"], "", "--gpus must be from 0 to 64, or a fraction. Found: -1.0."),
]


@pytest.mark.parametrize(("words", "text", "message"), SWEEP, ids=[str(i) for i in range(len(SWEEP))])
def test_a_sweep_is_checked_before_its_first_point(words: list[str], text: str, message: str, refused: Refused) -> None:
    grid = f"settings: {{student: SmallCNN()}}\ngrid: {{seed: {list(range(100))}}}\n"
    Path("s.yaml").write_text(grid + text)
    refused(["sweep", "s.yaml", "--dry_run", *words], message)


# Every verb


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "list"])
def test_a_flag_with_a_slip_gets_the_nearest(verb: str, refused: Refused, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(verb, "--help") == 0
    known = re.findall(r"^  (?:-\w, )?--(\w+)", capsys.readouterr().out, re.MULTILINE)
    flag = max(set(known) - {"help"}, key=len)
    slip = flag[:-1] + "q"
    assert difflib.get_close_matches(slip, known, n=1) == [flag]
    needed = {"teacher": ["check", "demo", "--data", "demo"], "data": ["check", "demo"], "reproduce": []}
    words = needed.get(verb, ["demo"] if verb in ("evaluate", "audit", "report", "cost", "sweep") else [])
    refused([verb, *words, f"--{slip}", "3"], f"There is no setting '{slip}'. Did you mean '{flag}'")


def test_from_another_process() -> None:
    done = subprocess.run(process("audit", "demo\x1b[2J"), capture_output=True, text=True, env=environment())
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("robustill audit: error: Required: a run with a finished epoch")
    assert r"Found: demo\x1b[2J, which does not exist." in done.stderr and done.stderr.count("\n") == 1

"""The main job from Python: distil, measure, report. On the embedded images; half a minute on two cores."""

from pathlib import Path

from robustill.measure import measure_run
from robustill.report import write_report
from robustill.run import Run
from robustill.train import train

if __name__ == "__main__":
    texts = {
        "data": "demo",
        "student": "SmallCNN(width=8)",
        "teacher": "demo",
        "method": "RSLAD(scale=1) + IGDM(alpha=10)",
    }
    run = train(Run.from_texts({**texts, "epochs": 3}), Path("runs/ten_lines"), overwrite=True)
    for name, evaluation in measure_run(run).items():
        print(name, {attack: f"{result.accuracy:.1%}" for attack, result in evaluation.accuracies.items()})
    print("Open", write_report([run.path], run.path / "report.html"))

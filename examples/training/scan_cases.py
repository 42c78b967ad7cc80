import sys, pickle, json, time
from pathlib import Path
import numpy as np, av, cv2
cv2.setNumThreads(2)
from subremover.video.film import *
from subremover.video.read.probe import probe

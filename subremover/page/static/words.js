// All words of the page, in every language it speaks: to add one, add a column and a name in LANGUAGES.
//
// {n} stands for a value. "one frame|{n} frames" gives both numbers of a noun, by the value of n.

export const LANGUAGES = ["en", "zh"];

const WORDS = {
  // Everywhere
  skip: ["Skip to the content", "跳到正文"],
  language: ["Language", "语言"],
  films: ["Films", "影片"],
  name: ["Name", "名称"],
  state: ["State", "状态"],
  text: ["Text", "文字"],
  show: ["Show", "显示"],
  all: ["all", "全部"],
  comma: [", ", "，"],
  semicolon: ["; ", "；"],
  stop: [".", "。"],
  "shown-of": ["{shown} of {all}", "{shown} / {all}"],
  frames: ["{n} frame|{n} frames", "{n} 帧"],
  "length-seconds": ["{n} s", "{n} 秒"],
  "length-minutes": ["{n} min", "{n} 分钟"],
  "length-hours": ["{hours} h {minutes} min", "{hours} 小时 {minutes} 分钟"],
  "server-gone": [
    "The server does not answer: was subremover-page stopped? Jobs that were running go on when it is started again.",
    "服务器没有响应：subremover-page 是否已停止？重新启动后，任务会继续。",
  ],
  "server-back": ["The server answers again.", "服务器已恢复。"],
  "server-refused": ["The server refused this ({status}).", "服务器拒绝了该请求（{status}）。"],
  "take-away": ["Take away", "移除"],
  "busy-label": ["Progress", "进度"],
  "busy-running": ["{share} of {name}", "{name}：{share}"],
  "busy-waiting": ["{n} film waits|{n} films wait", "{n} 部影片等待中"],

  // Choose
  "films-lead": [
    "{n} film in {folder}. Choose one to look at, or put several in the queue as they are.|{n} films in {folder}. Choose one to look at, or put several in the queue as they are.",
    "{folder} 中有 {n} 部影片。选择一部查看，或将多部直接加入队列。",
  ],
  "films-none": [
    "There is no film in {folder}. Put one there: it appears by itself.",
    "{folder} 中没有影片。放入影片后会自动显示。",
  ],
  "choose-film": ["Choose {name} for the queue", "选择 {name} 加入队列"],
  "run-none": ["Clean the chosen films", "清除所选影片的字幕"],
  "run-chosen": ["Clean {n} film|Clean {n} films", "清除 {n} 部影片的字幕"],
  "state-new": ["new", "新"],
  "state-scanned": ["scanned", "已扫描"],
  "state-busy": ["at work or waiting", "处理中或等待中"],
  "state-scanning": ["being scanned", "扫描中"],
  "state-running": ["running", "处理中"],
  "state-queued": ["waits in the queue", "排队中"],
  "state-paused": ["paused", "已暂停"],
  "state-done": ["done", "已完成"],
  "state-failed": ["failed", "失败"],
  "state-scanning-share": ["being scanned, {share}", "扫描中，{share}"],
  "state-running-share": ["running, {share}", "处理中，{share}"],
  "state-queued-share": ["waits, {share} done", "排队中，已完成 {share}"],
  "state-paused-share": ["paused at {share}", "已暂停，{share}"],

  // Jobs
  queue: ["Queue", "队列"],
  "queue-lead": [
    "Films are cleaned one after the other. You may close this page: the work goes on.",
    "影片逐部处理。可以关闭本页：任务会继续运行。",
  ],
  "queue-empty": ["Nothing is in the queue.", "队列为空。"],
  "job-queued": ["waits", "等待中"],
  "job-running": ["starts", "正在启动"],
  "job-stopping": ["stops", "正在停止"],
  "job-paused": ["paused", "已暂停"],
  "job-done": ["done", "已完成"],
  "job-failed": ["failed", "失败"],
  "stage-scan": ["scans", "扫描"],
  "stage-render": ["removes and encodes", "去除并编码"],
  "stage-verify": ["checks the film", "校验影片"],
  "stage-preview": ["makes the frames", "生成画面"],
  "frames-of": ["{done} of {total} frames", "{done} / {total} 帧"],
  rate: ["{rate} a second", "每秒 {rate} 帧"],
  left: ["{time} left", "剩余 {time}"],
  pause: ["Pause", "暂停"],
  "go-on": ["Go on", "继续"],
  "pause-keeps": [
    "Pause: what is finished is kept, but for the last 250 frames at the most",
    "暂停：已完成的部分会保留（最多重做 250 帧）",
  ],
  "off-the-list": ["Take off the list", "从列表移除"],
  "put-first": ["Put first", "置顶"],
  cancel: ["Cancel", "取消"],
  "try-again": ["Try again", "重试"],
  "cancel-question": ["Cancel the work on {name}?", "取消对 {name} 的处理？"],
  "cancel-details": [
    "What is done so far goes away. To go on later, pause it.",
    "已完成的部分会被丢弃。若想稍后继续，请暂停。",
  ],
  "cancel-yes": ["Cancel it", "取消任务"],
  "cancel-no": ["Keep it", "保留"],

  // A film
  steps: ["Steps", "步骤"],
  "step-look": ["Look", "查看"],
  "step-scan": ["Scan", "扫描"],
  "step-mend": ["Mend", "修正"],
  "step-try": ["Try", "试做"],
  "step-run": ["Run", "执行"],
  "film-opens": ["Reads the film …", "正在读取影片……"],
  "film-broken": ["This film cannot be read", "无法读取该影片"],
  "back-to-films": ["Back to the films", "返回影片列表"],
  "frame-at": ["Frame {frame}, {time}", "第 {frame} 帧，{time}"],
  "frame-of": ["frame {frame} of {last}", "第 {frame} / {last} 帧"],
  "fact-picture": ["Picture", "画面"],
  "fact-length": ["Length", "时长"],
  "fact-codec": ["Codec", "编码"],
  "fact-size": ["Size", "大小"],
  "look-lead": [
    "Any frame of the film: drag the scrubber, or take the arrow keys.",
    "查看影片的任意一帧：拖动滑块，或使用方向键。",
  ],
  "look-next": ["Look for subtitles", "查找字幕"],
  keys: ["Keys", "快捷键"],
  "key-step": ["a frame back, on", "前后一帧"],
  "key-second": ["a second back, on", "前后一秒"],
  "key-event": ["the event before, behind", "上一个、下一个字幕"],
  "key-ends": ["first, last frame", "首帧、末帧"],
  "key-zoom": ["zoom in, out, whole picture", "放大、缩小、完整画面"],
  "key-turn": ["remove the event or leave it", "去除或保留该字幕"],
  "key-set-ends": ["the event begins, ends here", "字幕从此开始、到此结束"],
  "key-tools": ["choose, region, new box, brush, eraser", "选择、区域、新框、画笔、橡皮"],
  "key-brush": ["size of the brush; arrows move it, space paints", "画笔大小；方向键移动，空格绘制"],
  "key-delete": ["take away an event that was drawn", "移除手动绘制的字幕"],
  "key-undo": ["undo, redo", "撤销、重做"],
  picture: ["picture of a frame", "画面"],
  "stage-keys": [
    "Arrow keys go from frame to frame. With a brush they move it, and space paints.",
    "方向键逐帧移动。使用画笔时，方向键移动画笔，空格绘制。",
  ],
  zoom: ["Zoom", "缩放"],
  fit: ["Fit", "适合"],
  "zoom-in": ["Zoom in", "放大"],
  "zoom-out": ["Zoom out", "缩小"],
  "zoom-fit": ["Whole picture", "完整画面"],
  tool: ["Tool", "工具"],
  "tool-look": ["Choose", "选择"],
  "tool-region": ["Region", "区域"],
  "tool-box": ["New box", "新框"],
  "tool-brush": ["Brush", "画笔"],
  "tool-eraser": ["Eraser", "橡皮"],
  "brush-size": ["Size", "大小"],
  timeline: ["Timeline", "时间轴"],
  scrubber: ["Place in the film", "影片位置"],
  "frame-back": ["A frame back", "后退一帧"],
  "frame-on": ["A frame on", "前进一帧"],
  "event-back": ["Event before", "上一个字幕"],
  "event-on": ["Next event", "下一个字幕"],
  "no-event-back": ["There is no event before.", "前面没有字幕了。"],
  "no-event-on": ["There is no event behind.", "后面没有字幕了。"],
  "event-label": [
    "Event {number}: {text}, frames {first} to {last}, {decision}",
    "字幕 {number}：{text}，第 {first} 至 {last} 帧，{decision}",
  ],
  removed: ["removed", "去除"],
  kept: ["left alone", "保留"],
  "not-read": ["not read", "未识别"],
  "by-hand": ["drawn by hand", "手动绘制"],
  probability: ["{n} % likely a subtitle", "字幕可能性 {n}%"],
  "kind-subtitle": ["Subtitle", "字幕"],
  "kind-scene": ["Lettering of the scene", "场景文字"],
  "kind-logo": ["Logo", "台标"],

  // Scan
  "scan-lead": [
    "Looks at every frame for subtitles. Nothing is changed: you see what was found, and mend it.",
    "逐帧查找字幕。不会改动影片：先查看结果，再修正。",
  ],
  regions: ["Regions", "区域"],
  "regions-hint": [
    "Without one the whole picture is looked at. Draw one on the frame with the tool Region, or add one here.",
    "未设区域时查看整个画面。用“区域”工具在画面上绘制，或在此添加。",
  ],
  "region-add": ["Add a region", "添加区域"],
  "region-added": ["Region {n} added.", "已添加区域 {n}。"],
  "region-number": ["Region {n}", "区域 {n}"],
  "region-take-away": ["Take region {n} away", "移除区域 {n}"],
  "whole-film": ["whole film", "整部影片"],
  "from-here": ["From this frame", "从此帧开始"],
  "to-here": ["To this frame", "到此帧为止"],
  "box-x": ["Left", "左"],
  "box-y": ["Top", "上"],
  "box-width": ["Width", "宽"],
  "box-height": ["Height", "高"],
  "scan-more": ["More options", "更多选项"],
  sensitivity: ["Takes for a subtitle", "判定为字幕"],
  "sensitivity-low": ["less", "较少"],
  "sensitivity-normal": ["what is likely one", "适中"],
  "sensitivity-high": ["more", "较多"],
  logos: ["Logos, too", "同时去除台标"],
  everything: ["Lettering of the scene, too", "同时去除场景文字"],
  "scan-go": ["Scan", "扫描"],
  "scan-again": ["Scan again", "重新扫描"],
  "scan-progress": ["Progress of the scan", "扫描进度"],
  "found-so-far": ["Found so far", "目前找到"],
  "scan-done": [
    "Scanned: {n} event is to be removed.|Scanned: {n} events are to be removed.",
    "扫描完成：将去除 {n} 条字幕。",
  ],
  "adds-question": ["Add to what was found?", "添加到已找到的内容？"],
  "adds-details": [
    "What is found in the regions can be added to the plan, which stays as it is; or take the place of all that is in it.",
    "可将区域内找到的内容添加到现有方案（保持不变），或取代方案中的全部内容。",
  ],
  "adds-add": ["Add", "添加"],
  "mended-question": ["Keep what you have changed?", "保留您的修改？"],
  "mended-details": [
    "The plan of this film was changed by hand. A new scan can keep that, and take only the rest anew.",
    "该影片的方案已手动修改。重新扫描可以保留这些修改，只更新其余部分。",
  ],
  "mended-keep": ["Keep my changes", "保留我的修改"],
  "mended-replace": ["Begin afresh", "全部重新开始"],
  "mended-cancel": ["Do not scan", "不扫描"],

  // Mend
  "mend-none": ["Scan the film first: then there is something to mend.", "请先扫描影片，然后才能修正。"],
  "event-add": ["Add an event here", "在此添加字幕"],
  "event-added": ["Added an event on frames {first} to {last}.", "已在第 {first} 至 {last} 帧添加字幕。"],
  "event-number": ["Event {n}", "字幕 {n}"],
  "choose-hint": [
    "Choose an event in the list, on the timeline or on the frame.",
    "在列表、时间轴或画面上选择一条字幕。",
  ],
  "choose-first": ["Choose an event that is on this frame first.", "请先选择此帧上的一条字幕。"],
  "nothing-found": [
    "Nothing was found. Draw a box on a frame, or scan again with a region.",
    "未找到字幕。可在画面上画框，或指定区域重新扫描。",
  ],
  "leave-it": ["Leave it alone", "保留"],
  "remove-it": ["Remove it", "去除"],
  remove: ["Remove", "去除"],
  "remove-number": ["Remove event {n}", "去除字幕 {n}"],
  "first-frame": ["First frame", "首帧"],
  "last-frame": ["Last frame", "末帧"],
  "first-here": ["Begins here", "从此开始"],
  "last-here": ["Ends here", "到此结束"],
  "number-between": ["Give a whole number from {least} to {most}.", "请输入 {least} 到 {most} 之间的整数。"],
  "ends-crossed": ["An event cannot end before it begins.", "结束不能早于开始。"],
  details: ["Kind, text and box", "类型、文字与边框"],
  kind: ["Kind", "类型"],
  says: ["Says", "内容"],
  "box-empty": [
    "The box must hold some of the strokes, which begin at {x}, {y}.",
    "边框须包含部分笔画（起点 {x}, {y}）。",
  ],
  "turn-shown-off": ["Leave all shown alone", "保留所列全部"],
  "turn-shown-on": ["Remove all shown", "去除所列全部"],
  undo: ["Undo", "撤销"],
  redo: ["Redo", "重做"],
  undone: ["Undone: {what}", "已撤销：{what}"],
  redone: ["Done again: {what}", "已重做：{what}"],
  "did-keep": ["left alone", "保留"],
  "did-remove": ["to be removed", "去除"],
  "did-move": ["ends moved", "移动首尾"],
  "did-paint": ["painted", "绘制"],
  "did-erase": ["erased", "擦除"],
  "did-erase-all": ["erased all of it", "全部擦除"],
  "did-add": ["event added", "添加字幕"],
  "did-take-away": ["event taken away", "移除字幕"],
  "did-change": ["event changed", "修改字幕"],
  "status-saved": [
    "{n} event to be removed. Saved.|{n} events to be removed. Saved.",
    "将去除 {n} 条字幕。已保存。",
  ],
  "status-waiting": [
    "{n} event to be removed. Saves …|{n} events to be removed. Saves …",
    "将去除 {n} 条字幕。正在保存……",
  ],
  "status-saving": [
    "{n} event to be removed. Saves …|{n} events to be removed. Saves …",
    "将去除 {n} 条字幕。正在保存……",
  ],
  "status-failed": ["The last change is not saved.", "最近的修改未保存。"],
  "plan-folder": ["Saved as the plan folder that --plan reads:", "保存为 --plan 可读取的方案文件夹："],
  "changed-question": ["The plan was changed elsewhere", "方案已在别处修改"],
  "changed-details": [
    "Another tab, or somebody else, has saved this film's plan since you opened it.",
    "您打开后，另一个标签页或其他人保存了该影片的方案。",
  ],
  "changed-mine": ["Save mine over it", "以我的为准"],
  "changed-theirs": ["Take theirs", "采用对方的"],

  // Try
  "try-lead": [
    "Makes three seconds around a frame just as the whole film would be made.",
    "按整部影片的方式处理某帧前后共三秒。",
  ],
  "try-none": ["Scan the film first.", "请先扫描影片。"],
  "try-go": ["Try around {time}", "试做 {time} 前后"],
  "try-look": ["Look at the last try", "查看上次试做"],
  "try-progress": ["Progress of the try", "试做进度"],
  "try-done": ["Three seconds are ready: see Try.", "三秒试做已完成：见“试做”。"],
  "before-after": ["Before and after", "前后对比"],
  before: ["Before", "之前"],
  after: ["After", "之后"],
  provenance: ["Where from", "来源"],
  mode: ["View", "视图"],
  "mode-slider": ["Slider", "滑动对比"],
  "mode-side": ["Side by side", "并排"],
  "mode-origin": ["Where from", "来源"],
  divider: ["Divider between before and after", "前后分界"],
  play: ["Play or stop", "播放或停止"],
  "back-to-frame": ["Back to the frame", "返回画面"],
  "origin-borrowed-near": ["borrowed from a near frame", "取自邻近帧"],
  "origin-borrowed-far": ["borrowed from a far frame", "取自较远帧"],
  "origin-unmixed": ["unmixed from under it", "从半透明字幕下还原"],
  "origin-painted": ["painted", "绘制填补"],

  // Run
  preset: ["Painting", "绘制填补"],
  "preset-fast": ["fast", "快速"],
  "preset-standard": ["standard", "标准"],
  "preset-paper": ["as in the paper (hours)", "论文设置（数小时）"],
  quality: ["Quality", "质量"],
  "quality-lossless": ["Looks the same", "视觉无损"],
  "quality-match": ["As large as the source", "与源文件大小相近"],
  "quality-crf": ["By a CRF", "按 CRF"],
  "run-more": ["Codec, container, subtitles", "编码、容器、字幕"],
  codec: ["Codec", "编码"],
  container: ["Container", "容器"],
  "as-source": ["as the source", "与源相同"],
  "write-srt": ["Write what the subtitles said as an SRT file", "将字幕内容写为 SRT 文件"],
  "subtitle-track": ["Add it to the film as a track to turn on and off", "作为可开关的字幕轨加入影片"],
  "subtitle-language": ["Its language (eng, zho, ...)", "字幕语言（eng、zho 等）"],
  "sound-untouched": [
    "Sound, other tracks and chapters are copied as they are.",
    "音频、其他轨道和章节原样复制。",
  ],
  "run-go": ["Remove the subtitles", "去除字幕"],
  "run-progress": ["Progress of the run", "处理进度"],
  outdated: ["The plan was changed after this film was made.", "此影片生成后方案已修改。"],
  "run-done": ["The film is clean", "影片已处理完成"],
  "as-command": ["The same as a command", "对应的命令"],
  "left-alone": ["Left alone: {what}.", "保留：{what}。"],
  "exists-question": ["Replace the clean film?", "替换已有的成片？"],
  "exists-details": ["There is one already, of an earlier run.", "已有一部先前处理的成片。"],
  "exists-yes": ["Replace it", "替换"],
  "exists-no": ["Keep it", "保留"],
  "save-film": ["Save the film", "保存影片"],
  "save-srt": ["Save the SRT", "保存 SRT"],
  "save-report": ["Save the report", "保存报告"],
  "result-none": ["No subtitle was found; the film is a copy", "未找到字幕；影片为原样副本"],
  "result-removed": [
    "{n} subtitle removed on {frames} frames|{n} subtitles removed on {frames} frames",
    "在 {frames} 帧上去除了 {n} 条字幕",
  ],
  "share-borrowed": ["{share} borrowed", "{share} 取自其他帧"],
  "share-unmixed": ["{share} unmixed", "{share} 还原"],
  "share-painted": ["{share} painted", "{share} 绘制填补"],
};

/** Why the scan takes something for what it is, as plans say it in English. */
const REASONS = {
  "stands where subtitles stand": [, "位于字幕常见位置"],
  "stands where subtitles seldom stand": [, "位于字幕少见位置"],
  "is of a subtitle's size": [, "大小如字幕"],
  "is not of a subtitle's size": [, "大小不似字幕"],
  "stands for as long as subtitles do": [, "停留时间如字幕"],
  "stands longer or shorter than subtitles do": [, "停留时间长于或短于字幕"],
  "comes and goes while the picture stays": [, "出现和消失时画面不变"],
  "comes and goes with the picture": [, "随画面出现和消失"],
  "stands still while the picture moves": [, "画面移动而文字静止"],
  "stands no stiller than the picture": [, "不比画面更静止"],
  "is drawn sharper and more evenly than the picture": [, "比画面更清晰均匀"],
  "is drawn no sharper than the picture": [, "不比画面更清晰"],
  "has a subtitle's colours": [, "颜色如字幕"],
  "has other colours than subtitles": [, "颜色不似字幕"],
  "reads as subtitles do": [, "内容如字幕"],
  "does not read as subtitles do": [, "内容不似字幕"],
  "follows or is followed in its place": [, "同一位置前后相继"],
  "is not followed in its place": [, "同一位置无前后相继"],
  "stands by itself, or in rows of its own": [, "独立成行"],
  "stands among much other lettering": [, "处于大量其他文字之中"],
  "is set like the film's subtitles": [, "样式与本片字幕一致"],
  "is set like the film's other lettering": [, "样式与本片其他文字一致"],
  "belongs to a subtitle": [, "属于某条字幕"],
  "belongs to other lettering": [, "属于其他文字"],
  "stands in the region given": [, "位于指定区域内"],
};

const KEPT = "subremover.language";

function findLanguage() {
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages].filter(Boolean);
  return wanted.map((name) => name.split("-")[0]).find((name) => LANGUAGES.includes(name)) ?? "en";
}

export const language = findLanguage();

/** Speaks another language from now on; the page is read anew. */
export function setLanguage(name) {
  localStorage.setItem(KEPT, name);
  location.reload();
}

const at = LANGUAGES.indexOf(language);
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

/** The words for a key, with values in their places. */
export function t(key, values = {}) {
  if (!WORDS[key]?.[at]) console.error(`no words for ${key} in ${language}`);
  const [one, several] = (WORDS[key]?.[at] ?? key).split("|");
  const words = several !== undefined && plurals.select(values.n) !== "one" ? several : one;
  return words.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? numbers.format(value) : String(value ?? "");
  });
}

/** A reason that a plan gives. */
export const reason = (text) => REASONS[text]?.[at] ?? text;

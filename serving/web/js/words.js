// Every text of the page, in Chinese and English.

const ZH = {
  skip: "跳到结果", home: "文视，回到首页", says: "用一句话，找到视频里的那一幕。",
  placeholder: "描述画面、说过的话，或片名…", query: "搜索视频", search: "搜索",
  boxHelp: "按回车搜索。可以拖入或粘贴图片、视频片段来搜索。",
  pick: "用图片或片段搜索", filter: "筛选", activeFilters: "已选的筛选条件", examples: "搜索示例", tryThese: "试试",
  star: "收藏这次搜索", unstar: "取消收藏", starred: "收藏的搜索", starredRemove: (q) => `取消收藏：${q}`,
  recent: "最近搜索", recentRemove: (q) => `从最近搜索中去掉：${q}`,
  cards: "卡片", view: "显示方式", copyCurl: "复制 curl", json: "JSON 结果", resultsList: "结果",
  dropHere: "松开，用它来搜索", keys: "键盘快捷键", add: "添加视频", close: "关闭",
  theme: "外观", auto: "跟随系统", light: "浅色", dark: "深色", language: "English",
  newest: "最近加入", similarTo: (title) => `与「${title}」相似`, thisPicture: "这张图片", remove: "移除",
  found: (n, ms) => `${n} 个视频 · ${ms} 毫秒`, foundMore: (n, ms) => `前 ${n} 个视频 · ${ms} 毫秒`,
  searching: "正在搜索…", unanswered: "看起来没有符合的视频，以下是最接近的。",
  hidden: (n) => `另有 ${n} 个视频相关度太低，没有显示`, showHidden: "仍要显示", belowThreshold: "低于阈值", hideAgain: "重新隐藏",
  nothing: "没有找到", nothingWhy: "换个说法，或者少写几个词。", nothingHidden: (n) => `有 ${n} 个视频沾边，但相关度太低，没有显示。`,
  nothingFiltered: "当前的筛选条件可能太窄了。", clearFilters: "清除筛选",
  emptyTitle: "这里还没有视频", emptyWhy: "添加一个文件夹，处理完就能搜索。",
  emptyReader: "请管理员先添加视频。",
  failed: "搜索没有成功", retry: "重试", requestId: "请求编号", copy: "复制", copied: "已复制", notCopied: "浏览器不允许复制",
  copiedWithoutKey: "已复制；运行前请把密钥放进变量 WENSHI_KEY",
  open: (title, time) => `${title}，从 ${time} 播放`, more: (n) => `另有 ${n} 处`,
  high: "很相符", medium: "较相符", low: "略相符", confidence: "相符程度",
  visual: "画面", meaning: "语义", asr: "语音", subtitle: "字幕", ocr: "画面文字", title: "标题", tag: "标签",
  cover: "封面文字", seenTag: "识别标签",
  copies: (n) => `另有 ${n} 个相同视频`, copiesLegend: "相同的视频", copiesApart: "分开显示",
  where: "在哪里找", length: "时长（秒）", date: "日期", from: "从", to: "到", tagFilter: "标签", pathFilter: "路径（绝对路径，或以 * 开头）",
  apply: "应用", reset: "重置", longerChip: (n) => `≥ ${n} 秒`, shorterChip: (n) => `≤ ${n} 秒`,
  sinceChip: (d) => `${d} 起`, untilChip: (d) => `${d} 止`, tagChip: (t) => `标签：${t}`, pathChip: (p) => `路径：${p}`,
  removeFilter: (f) => `去掉筛选：${f}`,
  moments: "相符的片段", transcript: "文字", noMoments: "这个视频里没有与查询相符的片段。", noQuery: "搜索后，这里会列出相符的片段。",
  scenes: "镜头", noTranscript: "没有语音、字幕或画面文字。", timeline: "时间轴",
  at: (time, whole) => `${time}，共 ${whole}`, previousResult: "上一个结果", nextResult: "下一个结果", findSimilar: "找相似",
  copyLink: "复制链接", downloadClip: "下载片段", clipFrom: "起点（秒）", clipTo: "终点（秒）", setHere: "取当前位置",
  cannotPlay: "浏览器放不了这个格式，正在把这一段转成能播放的……", cannotPlayAtAll: "这个视频放不出来。文件可能已被移动或改动。",
  playingClip: (s) => `浏览器放不了原文件，这里播放的是 ${s} 这一段。`, playVideo: "视频",
  videoGone: "这个视频打不开", size: (w, h) => `${w} × ${h}`, damaged: "文件有损坏",
  running: (done, total) => `正在加入 ${done}/${total}`, waiting: "等待中", jobs: "任务", noJobs: "现在没有任务。",
  done: "完成", stopped: "已停止", failedJob: "失败", runningJob: "进行中", failures: (n) => `${n} 个文件没有成功`,
  cancel: "停止", added: "视频已加入，可以搜索了", jobFailed: "任务没有成功",
  addTitle: "添加视频", addPath: "服务器上的文件夹或文件（绝对路径）", addPathGo: "添加", addFiles: "或者从这台设备上传",
  keyTitle: "需要密钥", keyWhy: "这个服务只对持有密钥的人开放。", key: "密钥", enter: "进入",
  libraryLine: (videos, clips) => `${videos} 个视频，${clips} 个镜头`, uploadGone: "图片不会保存在地址里，请重新选择。",
  tooLarge: "文件太大：最多 64 MB。", notMedia: "只能用图片或视频来搜索。",
  key_focus: "回到搜索框", key_move: "在结果间移动", key_open: "打开", key_play: "播放 / 暂停", key_moment: "上一处 / 下一处",
  key_result: "上一个 / 下一个结果", key_frame: "逐帧后退 / 前进", key_skip: "后退 / 前进 10 秒", key_similar: "找相似", key_close: "关闭", key_help: "显示这张表",
  space: "空格", enterKey: "回车",
  errors: {
    offline: "连不上服务。请看看它是否还在运行。", key_needed: "需要密钥。", wrong_key: "密钥不对。", admin_needed: "需要管理员密钥。",
    too_many_requests: "请求太频繁，请稍候。", busy: "服务正忙，请稍后再试。", library: "资料库暂时读不了。", model: "模型暂时用不了。",
    no_model: "没有加载模型，不能用图片搜索。", not_found: "没有这个视频，它可能已被移除。", invalid: "请求里有不合规的内容。",
    input: "请求里有不合规的内容。", missing: "视频文件已经不在了。", changed: "视频文件已被改动。",
    too_large: "内容太大。", internal: "服务内部出错。", unavailable: "服务暂时不可用。",
  },
};

const EN = {
  skip: "Skip to results", home: "Wenshi, home", says: "Find the moment by describing it.",
  placeholder: "What it shows, what is said, what it is called…", query: "Search videos", search: "Search",
  boxHelp: "Press Enter to search. Drop or paste a picture or a clip to search with it.",
  pick: "Search with a picture or clip", filter: "Filter", activeFilters: "Active filters", examples: "Example searches", tryThese: "Try",
  star: "Star this search", unstar: "Remove the star", starred: "Starred searches", starredRemove: (q) => `Remove the star: ${q}`,
  recent: "Recent searches", recentRemove: (q) => `Remove from the recent searches: ${q}`,
  cards: "Cards", view: "View", copyCurl: "Copy curl", json: "Results as JSON", resultsList: "Results",
  dropHere: "Drop to search with it", keys: "Keyboard shortcuts", add: "Add videos", close: "Close",
  theme: "Appearance", auto: "system", light: "light", dark: "dark", language: "中文",
  newest: "Newest", similarTo: (title) => `Similar to “${title}”`, thisPicture: "this picture", remove: "Remove",
  found: (n, ms) => `${n} ${n === 1 ? "video" : "videos"} · ${ms} ms`, foundMore: (n, ms) => `First ${n} videos · ${ms} ms`,
  searching: "Searching…", unanswered: "Nothing here seems to answer; these are the nearest.",
  hidden: (n) => `${n} more hidden below the threshold`, showHidden: "Show anyway", belowThreshold: "below threshold", hideAgain: "Hide again",
  nothing: "Nothing found", nothingWhy: "Say it another way, or with fewer words.", nothingHidden: (n) => `${n} ${n === 1 ? "video comes" : "videos come"} close but are hidden below the threshold.`,
  nothingFiltered: "The filters may be too narrow.", clearFilters: "Clear filters",
  emptyTitle: "No videos yet", emptyWhy: "Add a folder; each video can be found as soon as it is read.",
  emptyReader: "Ask an administrator to add some.",
  failed: "The search failed", retry: "Try again", requestId: "Request", copy: "Copy", copied: "Copied", notCopied: "The browser does not allow copying",
  copiedWithoutKey: "Copied; put your key into the variable WENSHI_KEY before you run it",
  open: (title, time) => `${title}, play from ${time}`, more: (n) => `${n} more`,
  high: "Strong", medium: "Fair", low: "Weak", confidence: "Match",
  visual: "picture", meaning: "meaning", asr: "speech", subtitle: "subtitle", ocr: "on-screen text", title: "title", tag: "tag",
  cover: "text on the cover", seenTag: "tag by the model",
  copies: (n) => `${n} more ${n === 1 ? "copy" : "copies"}`, copiesLegend: "Copies of a video", copiesApart: "Show each for itself",
  where: "Look in", length: "Length (seconds)", date: "Date", from: "from", to: "to", tagFilter: "Tag", pathFilter: "Path (absolute, or begins with *)",
  apply: "Apply", reset: "Reset", longerChip: (n) => `≥ ${n} s`, shorterChip: (n) => `≤ ${n} s`,
  sinceChip: (d) => `since ${d}`, untilChip: (d) => `until ${d}`, tagChip: (t) => `tag: ${t}`, pathChip: (p) => `path: ${p}`,
  removeFilter: (f) => `Remove filter: ${f}`,
  moments: "Moments", transcript: "Text", noMoments: "No moment of this video answers the query.", noQuery: "Search, and matching moments are listed here.",
  scenes: "Scenes", noTranscript: "No speech, subtitles or on-screen text.", timeline: "Timeline",
  at: (time, whole) => `${time} of ${whole}`, previousResult: "Previous result", nextResult: "Next result", findSimilar: "Find similar",
  copyLink: "Copy link", downloadClip: "Download clip", clipFrom: "From (seconds)", clipTo: "To (seconds)", setHere: "Use current position",
  cannotPlay: "The browser cannot play this format; converting this part …", cannotPlayAtAll: "This video cannot be played. Its file may have been moved or changed.",
  playingClip: (s) => `The browser cannot play the file itself; this is the part ${s}.`, playVideo: "Video",
  videoGone: "This video cannot be opened", size: (w, h) => `${w} × ${h}`, damaged: "damaged file",
  running: (done, total) => `Adding ${done}/${total}`, waiting: "waiting", jobs: "Jobs", noJobs: "No jobs at present.",
  done: "done", stopped: "stopped", failedJob: "failed", runningJob: "running", failures: (n) => `${n} failed`,
  cancel: "Stop", added: "Videos were added and can be found", jobFailed: "The job failed",
  addTitle: "Add videos", addPath: "Folder or file on the server (absolute path)", addPathGo: "Add", addFiles: "Or upload from this device",
  keyTitle: "Key needed", keyWhy: "This service is open to holders of a key.", key: "Key", enter: "Enter",
  libraryLine: (videos, clips) => `${videos} videos, ${clips} clips`, uploadGone: "A picture is not kept in the address: choose it again.",
  tooLarge: "The file is too large: at most 64 MB.", notMedia: "Only pictures and videos can be searched with.",
  key_focus: "Go to the search box", key_move: "Move between results", key_open: "Open", key_play: "Play / pause", key_moment: "Previous / next moment",
  key_result: "Previous / next result", key_frame: "One frame back / on", key_skip: "Back / on by 10 seconds", key_similar: "Find similar", key_close: "Close", key_help: "Show this list",
  space: "Space", enterKey: "Enter",
  errors: {},     // the service speaks English itself
};

const DICTIONARIES = { zh: ZH, en: EN };
let language = chosenLanguage();

function chosenLanguage() {
  try {
    const kept = localStorage.getItem("wenshi.language");
    if (kept in DICTIONARIES) return kept;
  } catch { /* storage may be forbidden */ }
  return "zh";
}

/** A text of the page; some take values. */
export function say(key, ...values) {
  const text = DICTIONARIES[language][key];
  return typeof text === "function" ? text(...values) : text;
}

/** What an error of the service means, in the page's language where it has a sentence for it. */
export const sayError = (failure) => DICTIONARIES[language].errors[failure.kind] ?? failure.message;

/** The notices of an answer, in the page's language as far as the service has them in it. */
export const sayNotices = (answer) => (language === "zh" ? answer.notices_zh : answer.notices);

export const currentLanguage = () => language;

/** Change the language and remember it. */
export function setLanguage(name) {
  language = name;
  try { localStorage.setItem("wenshi.language", name); } catch { /* then until the page is closed */ }
  translate(document);
}

/** Put the texts of the page's own markup in place. */
export function translate(root) {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const one of root.querySelectorAll("[data-t]")) one.textContent = say(one.dataset.t);
  for (const one of root.querySelectorAll("[data-t-placeholder]")) one.placeholder = say(one.dataset.tPlaceholder);
  for (const one of root.querySelectorAll("[data-t-label]")) {
    one.setAttribute("aria-label", say(one.dataset.tLabel));
    if (one.matches("button, a")) one.title = say(one.dataset.tLabel);
  }
}

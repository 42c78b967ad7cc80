"""What the drawn lettering says, by script and by purpose. Written for this; quoted from nowhere."""

from __future__ import annotations

import random

SCRIPT_WEIGHTS = {
    "latin": 46,
    "hans": 12,
    "ja": 9,
    "ko": 8,
    "cyr": 9,
    "el": 3,
    "ar": 4,
    "he": 3,
    "th": 3,
    "hi": 3,
}
"""How often each script is drawn, out of those for which this machine has fonts."""

SIGNS = {
    "latin": [
        *("BAKERY", "Open", "CLOSED", "EXIT", "NO PARKING", "Bus Stop", "Main Street", "HOTEL", "PHARMACY"),
        *("Farmacia", "BÄCKEREI", "Apotheke", "Boulangerie", "SALE 50%", "FOR RENT", "To let", "Welcome"),
        *("Coffee & Cake", "Fresh Fish Daily", "SLOW", "STOP", "Platform 4", "TICKETS", "Information"),
        *("WET PAINT", "Please ring the bell", "Private property", "Rue de la Gare", "Calle Mayor 12"),
        *("BEWARE OF THE DOG", "MILLER & SONS", "Removals", "Est. 1924", "Books", "Ristorante Da Piero"),
        *("City Library", "Room 214", "Staff only", "Mind the step", "SPEED LIMIT 40", "A9 North", "Ausgang"),
        *("HAPPY BIRTHDAY", "Vote on Sunday", "Save the park!", "Just married", "RIVERS 07", "TEAM BLUE"),
    ],
    "hans": [
        "出口",
        "欢迎光临",
        "人民路",
        "药店",
        "小心地滑",
        "禁止停车",
        "面馆",
        "第三医院",
        "书店",
        "售票处",
        "今日特价",
    ],
    "ja": [
        "出口",
        "本屋",
        "営業中",
        "駐車禁止",
        "駅前通り",
        "ラーメン",
        "薬局",
        "止まれ",
        "本日休業",
        "いらっしゃいませ",
    ],
    "ko": [
        "출구",
        "약국",
        "서점",
        "주차금지",
        "환영합니다",
        "중앙로",
        "커피",
        "오늘 휴무",
        "매표소",
        "국수집",
    ],
    "cyr": [
        "АПТЕКА",
        "Выход",
        "Книги",
        "Продукты",
        "ул. Садовая",
        "Закрыто",
        "Кафе",
        "Вход воспрещён",
        "Билеты",
    ],
    "el": ["ΕΞΟΔΟΣ", "Φαρμακείο", "Βιβλία", "Ανοιχτό", "Οδός Αθηνάς", "ΚΑΦΕ"],
    "ar": ["مخرج", "صيدلية", "مكتبة", "ممنوع الوقوف", "شارع النيل", "مقهى", "أهلا وسهلا"],
    "he": ["יציאה", "בית מרקחת", "ספרים", "אין חניה", "רחוב הים", "קפה"],
    "th": ["ทางออก", "ร้านขายยา", "ห้ามจอด", "ยินดีต้อนรับ", "ถนนหลัก"],
    "hi": ["निकास", "दवा की दुकान", "स्वागत है", "किताबें", "गाड़ी खड़ी न करें"],
}

SPEECH = {
    "latin": [
        *("I had no idea you were coming.", "Leave the lamp on, please.", "Who told you about the boat?"),
        *("We can talk about it tomorrow.", "- Is it far?\n- Not really.", "He never came back for it."),
        *(
            "That is not what I meant.",
            "Just wait here for a moment.",
            "Nothing.",
            "Are you sure about this?",
        ),
        *("If the bridge is closed,\nwe will have to walk.", "I'd rather stay at home\nand read a little."),
        *("Ich habe dich\nüberall gesucht.", "Warum sagst du mir das erst jetzt?", "Je ne comprends pas."),
        *("On n'a plus le temps\nd'y retourner.", "No sé de qué me hablas.", "Nie wiem, gdzie to jest."),
        *("[thunder]", "♪ Down the long and quiet street ♪", "Bunu bana kim verdi?", "Não foi culpa tua."),
    ],
    "hans": [
        "我不知道你要来",
        "把灯开着吧",
        "明天再说",
        "他再也没有回来\n我们一直在等",
        "不是那个意思",
        "等一下",
    ],
    "ja": [
        "来るとは知らなかった",
        "明かりをつけておいて",
        "また明日話そう",
        "彼は二度と\n戻って来なかった",
        "ちょっと待って",
    ],
    "ko": ["네가 올 줄 몰랐어", "불을 켜 둬", "내일 얘기하자", "그는 다시\n돌아오지 않았다", "잠깐만"],
    "cyr": [
        "Я не знал, что ты придёшь.",
        "Оставь свет.",
        "Поговорим об этом завтра.",
        "Он так и не\nвернулся за ним.",
    ],
    "el": ["Δεν ήξερα ότι θα έρθεις.", "Άσε το φως αναμμένο.", "Θα μιλήσουμε αύριο."],
    "ar": ["لم أكن أعلم أنك قادم", "اترك المصباح مضاء", "نتحدث عن ذلك غدا"],
    "he": ["לא ידעתי שאתה בא", "תשאיר את האור", "נדבר על זה מחר"],
    "th": ["ฉันไม่รู้ว่าคุณจะมา", "เปิดไฟไว้นะ", "พรุ่งนี้ค่อยคุยกัน"],
    "hi": ["मुझे नहीं पता था तुम आओगे", "बत्ती जलती रहने दो", "कल बात करेंगे"],
}

TITLES = {
    "latin": [
        *("THE LAST FERRY", "Chapter Two", "A House by the Sea", "NIGHT TRAINS", "PART ONE", "The Orchard"),
        *("Zwei Sommer", "Les Voisins", "EPISODE 5", "Prologue", "How to bake bread", "Summer Holiday 2019"),
        *(
            "Ten Facts about Bees",
            "THE END",
            "Fin",
            "Winter",
            "a film by\nANNA KELLER",
            "Directed by\nJ. R. MOSS",
        ),
    ],
    "hans": ["第一章", "海边的房子", "夜行列车", "剧终", "春天"],
    "ja": ["第一話", "海辺の家", "夜汽車", "終", "春の日"],
    "ko": ["제1장", "바닷가의 집", "밤 기차", "끝"],
    "cyr": ["ГЛАВА ПЕРВАЯ", "Дом у моря", "Конец", "Ночной поезд"],
    "el": ["ΚΕΦΑΛΑΙΟ ΠΡΩΤΟ", "Το σπίτι", "ΤΕΛΟΣ"],
    "ar": ["الفصل الأول", "البيت", "النهاية"],
    "he": ["פרק ראשון", "הבית", "סוף"],
    "th": ["บทที่หนึ่ง", "บ้านริมทะเล"],
    "hi": ["पहला अध्याय", "समुद्र किनारे घर"],
}

BULLETS = {
    "latin": [
        *("Results of the third quarter", "Costs fell by 12 %", "Open questions", "What we learned so far"),
        *("Measure before you change it", "Two teams, one schedule", "Next steps and who takes them"),
        *("Data is kept for 30 days", "Why small batches are faster", "Summary and outlook", "Thank you!"),
        *(
            "Umsatz nach Regionen",
            "Risiken und Chancen",
            "Objectifs pour 2024",
            "Heat flows from warm to cold",
        ),
        *("Photosynthesis: light in, sugar out", "f(x) = 3x + 2", "Roots, stem, leaves and flowers"),
    ],
    "hans": ["第三季度结果", "成本下降百分之十二", "下一步计划", "问题与讨论", "谢谢大家", "为什么要先测量"],
    "ja": ["第三四半期の結果", "次のステップ", "質問と議論", "費用は十二％減", "ありがとうございました"],
    "ko": ["3분기 결과", "다음 단계", "질문과 토론", "비용 12% 감소", "감사합니다"],
    "cyr": [
        "Итоги квартала",
        "Следующие шаги",
        "Вопросы",
        "Расходы снизились на 12 %",
        "Спасибо за внимание",
    ],
    "el": ["Αποτελέσματα", "Επόμενα βήματα", "Ερωτήσεις"],
    "ar": ["نتائج الربع الثالث", "الخطوات التالية", "أسئلة"],
    "he": ["תוצאות הרבעון", "הצעדים הבאים", "שאלות"],
    "th": ["ผลลัพธ์ไตรมาสที่สาม", "ขั้นตอนต่อไป"],
    "hi": ["तीसरी तिमाही के परिणाम", "अगले कदम"],
}

NAMES = (
    *(
        "Anna Keller",
        "Tom Okafor",
        "Marie Lefèvre",
        "João Prates",
        "Dr. Ilse Brandt",
        "Kenji Mori",
        "Lena Novak",
    ),
    *("Sam Whitfield", "Irina Petrova", "Ahmed Saleh", "Rosa Jiménez", "Piotr Zieliński", "Grace Lindqvist"),
)
ROLES = (
    *(
        "Mayor of Northport",
        "Economist",
        "Eyewitness",
        "Team captain",
        "Reporter in Oslo",
        "Head of Research",
    ),
    *("Author", "Sprecherin der Stadt", "Entraîneur", "Professor of Biology", "Volunteer", "Chief Engineer"),
)
CREDITS = (
    *(
        "Directed by",
        "Written by",
        "Produced by",
        "Music",
        "Edited by",
        "Camera",
        "Sound",
        "Costumes",
        "Cast",
    ),
    *("Production Design", "Colourist", "Gaffer", "Casting", "Location Manager", "Special Thanks"),
)
NEWS = (
    *("Storm closes northern ports until Monday", "Talks on the new bridge go on", "Rail strike is over"),
    *(
        "Markets: little change in a quiet week",
        "Museum reopens after two years",
        "Warm days ahead in the south",
    ),
)
MENUS = ("File", "Edit", "View", "Insert", "Tools", "Window", "Help", "Format", "Run", "Terminal")
CODE = (
    *("import numpy as np", "def area(width, height):", "    return width * height", "for row in table:"),
    *("    total += row.price", "print(f'{total:.2f}')", "# read the file once", "with open(path) as file:"),
    *(
        "    lines = file.readlines()",
        "if not lines:",
        "    raise ValueError('empty')",
        "x = [i ** 2 for i in range(9)]",
    ),
    *("$ make test", "Downloading 14 of 32 files", "const app = start(8080);", "SELECT name FROM parts;"),
)
BUTTONS = ("OK", "Cancel", "Save as…", "Settings", "New project", "Share", "Download", "Log in", "Search")
MARKS = (
    *(
        "SAMPLE",
        "PREVIEW",
        "DEMO",
        "© Lakeview Media",
        "www.example.org",
        "DRAFT",
        "@north.studio",
        "TRIAL VERSION",
    ),
    *("Property of Lakeview", "example.com", "SCREENER 0417", "Made with FilmBox"),
)
LOGOS = ("TV7", "NOVA", "kanal 5", "HD1", "北方卫视", "ch.9", "SPORT+", "N24x", "ΑΛΦΑ", "世界", "КИНО", "m2")
TEAMS = ("NOR", "LAK", "RIV", "BLU", "SUN", "OAK", "FC Lake", "United", "KELLER", "MORI", "PRATES", "SALEH")
QUESTS = (
    *(
        "Find the key",
        "Reach the harbour",
        "Press E to open",
        "Level 12",
        "Ammo 30/120",
        "HP 87",
        "GAME PAUSED",
    ),
    *(
        "Checkpoint saved",
        "Score 014500",
        "x3 COMBO",
        "Press START",
        "Mission complete",
        "Wave 4",
        "Gold 1,250",
    ),
)
POSTS = (
    *(
        "@north.studio",
        "morning walk #lake #fog",
        "12.4K",
        "original sound - mori",
        "Follow",
        "view all 83 comments",
    ),
    *("Reply to anna_k's comment", "REC", "00:14", "14:07", "5G", "87%", "Swipe up", "Sponsored"),
)
PLACES = ("GATE 2", "LOBBY", "PARKING NORTH", "CAM 03", "CH01", "Entrance", "Camera 7", "仓库", "駐車場")


def choose_script(rng: random.Random, scripts: list[str]) -> str:
    """One of the scripts, by its weight."""
    return rng.choices(scripts, [SCRIPT_WEIGHTS[script] for script in scripts])[0]


def make_plate_number(rng: random.Random) -> str:
    """What a car's number plate may say."""
    letters, digits = "ABCDEFGHKLMNPRSTVXYZ", "0123456789"
    pattern = rng.choice(("AA-00-AA", "AA 000 AA", "AA00 AAA", "0AAA000", "A AA 0000", "京A·00000"))
    return "".join(
        rng.choice(letters)
        if char == "A" and pattern[0] != "京"
        else rng.choice(digits)
        if char == "0"
        else char
        for char in pattern
    )
